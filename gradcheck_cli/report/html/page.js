"use strict";
(() => {
  const form = document.querySelector("form.filters");
  const checks = [...document.querySelectorAll("details.check")].map((element) => ({
    element,
    verdict: element.classList[1],
    text: element.querySelector("summary").textContent.toLowerCase(),
  }));
  const sections = [...document.querySelectorAll("section.checks")];

  function filter() {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set([...form.querySelectorAll("[name=verdict]:checked")].map((box) => box.value));
    let shown = 0;
    for (const check of checks) {
      const fits = wanted.has(check.verdict) && words.every((word) => check.text.includes(word));
      check.element.hidden = !fits;
      shown += fits;
    }
    for (const section of sections) {
      section.hidden = !section.querySelector("details.check:not([hidden])");
    }
    form.querySelector("output").textContent = `${shown} of ${checks.length} checks`;
  }

  function fold(open) {
    for (const check of checks) {
      if (!check.element.hidden) check.element.open = open;
    }
  }

  function unfoldTarget() {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.unfold.addEventListener("click", () => fold(true));
  form.elements.fold.addEventListener("click", () => fold(false));
  window.addEventListener("hashchange", unfoldTarget);
  form.hidden = checks.length < 2;
  filter();
  unfoldTarget();
})();
