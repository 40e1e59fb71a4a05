"""`gradcheck init`: a first spec file."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

import click

from gradcheck_cli.cli.output import write, write_file
from gradcheck_cli.errors import UsageError

NAME = "first.gradcheck.yaml"
SCHEMA = "gradcheck.schema.json"
SPEC = f"""\
# yaml-language-server: $schema={SCHEMA}
# Functions and their gradients; `gradcheck run` compares the two. All that a spec can say: docs/spec-reference.md

functions:
  softplus:
    doc: log(1 + exp(x)), entry by entry
    inputs:
      x: [-1.5, 0.0, 2.0]               # a literal; {{shape: [2, 3]}} draws normal numbers
    forward: log1p(exp(x))              # NumPy's names; `gradcheck ops` lists them
    backward:
      x: grad / (1 + exp(-x))           # grad is the gradient of what comes after; out is forward's value

  affine:
    doc: rows times a matrix, plus a bias that all rows share
    inputs:
      x: {{shape: [n, 3]}}                # n is a constant, below
      w: {{shape: [3, 2], uniform: [-1.0, 1.0]}}
      b: [0.5, -0.25]
    constants: {{n: 4}}
    forward: x @ w + b
    backward:                           # one expression for each input, of exactly its shape
      x: grad @ w.T
      w: x.T @ grad
      b: grad.sum(axis=0)               # forward repeats b along the rows, so its gradient sums over them
    cases:                              # the same rule at other inputs
      one_row: {{constants: {{n: 1}}}}
      large: {{inputs: {{x: {{shape: [n, 3], normal: [0.0, 100.0]}}}}}}

  clipped_square:
    doc: a rule in several steps
    inputs: {{x: {{shape: [5], uniform: [-2.0, 2.0]}}}}
    forward: |
      inside = abs(x) < 1.5
      return sum(where(inside, x**2, 0.0))
    backward: |
      slope = where(inside, 2 * x, 0.0)  # a rule sees what forward has assigned
      return grad * slope
    check: {{points: 3}}                  # at three draws of x
"""


@click.command("init")
@click.argument("path", default=NAME, metavar="[PATH]")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(path: str, force: bool) -> None:
    """Write a first spec, with comments: to PATH, a file or a folder, or to standard output for -."""
    if path == "-":
        write(SPEC, None)
        return
    place = Path(path, NAME) if Path(path).is_dir() else Path(path)
    path, schema = str(place), str(place.with_name(SCHEMA))
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} is there already; choose another name, or --force to write over it")
    write_file(SPEC, path)
    click.echo(
        f"{path} is written. Next:\n\n"
        f"  gradcheck run {quote(path)}\n"
        f"  gradcheck schema -o {quote(schema)}    for completion in the editor"
    )
