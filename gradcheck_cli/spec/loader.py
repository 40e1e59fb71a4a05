"""A spec file to a `SpecFile`: read, resolved, translated, or refused with every mistake in it."""

from __future__ import annotations

import os
import stat

from gradcheck_cli.errors import Location, Mistake, SpecError
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.call_graph import callees_first
from gradcheck_cli.spec.cases import read_cases
from gradcheck_cli.spec.compiling import Functions, words
from gradcheck_cli.spec.document import Node, Source
from gradcheck_cli.spec.draft import Draft, read_draft
from gradcheck_cli.spec.fields import Fields
from gradcheck_cli.spec.keys import INTEGER, Key, named, ref, required
from gradcheck_cli.spec.mistakes import Halt, Mistakes
from gradcheck_cli.spec.model import NOTHING, Case, CheckOptions, FunctionSpec, SpecFile
from gradcheck_cli.spec.options import OPTIONS, read_options
from gradcheck_cli.spec.outputs import compile_forward, forward_text
from gradcheck_cli.spec.rules import compile_rules
from gradcheck_cli.spec.yaml_reader import read_tree

KEYS = {
    "functions": Key("The functions to check, by name.", named("functionName", ref("function")), required=True),
    "defaults": Key("A check block for every function that says nothing else.", ref("defaults")),
    "version": Key("The version of the spec language: 1.", {**INTEGER, "const": 1}),
}

OWN_NAME_HINT = "a file's own name wins over the language's function of that name; call it something else"


def load(path: str | os.PathLike[str]) -> SpecFile:
    """The spec file at `path`. Raises SpecError."""
    return loads(read(os.fspath(path)), os.fspath(path))


def loads(text: str, path: str = "<stdin>", base: CheckOptions = NOTHING) -> SpecFile:
    """The spec that `text` holds; messages call it `path`, and `base` holds where it says nothing. Raises SpecError."""
    size = len(text.encode("utf-8", "replace"))
    if size > limits.FILE_BYTES:
        raise _too_large(path, size)
    source, mistakes = Source(path, text), Mistakes()
    functions: dict[str, FunctionSpec] = {}
    try:
        tree = read_tree(source, mistakes)
        if tree is not None:
            functions = _read_file(Fields(source, mistakes), tree, base)
        elif not mistakes:
            mistakes.append(Mistake(Location(path, 1, 1), "a spec must have functions; this one is empty"))
    except Halt:
        pass
    if mistakes:
        raise SpecError(mistakes)
    return SpecFile(path, functions, text, base=base)


def read(path: str) -> str:
    """The text of a regular file of a bearable size. Raises SpecError."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - before opening: a FIFO would block, a device never end
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
            raise _unreadable(path, f"a spec must be a file; this is {kind}")
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read(limits.FILE_BYTES + 1)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unreadable(path, "cannot be read: the path holds a NUL character") from None
    return decoded(path, data, size)


def decoded(path: str, data: bytes, size: int) -> str:
    """The text of a file's first bytes, all of them unless it is too large. Raises SpecError."""
    if len(data) > limits.FILE_BYTES:
        raise _too_large(path, size)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        source = Source(path, before)
        message = f"a spec must be UTF-8; found byte 0x{data[error.start]:02X}"
        hint = "save the file as UTF-8" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        location = source.location(len(source.lines), len(source.lines[-1]) + 1)
        raise SpecError([source.mistake(location, message, hint)]) from None


def _unreadable(path: str, message: str, hint: str = "") -> SpecError:
    return SpecError([Mistake(Location(path, 1, 1), message, hint)])


def _too_large(path: str, size: int) -> SpecError:
    message = f"a spec has at most {limits.FILE_BYTES} bytes; this one has {size}"
    return _unreadable(path, message, limits.hint("FILE_BYTES", size))


def _read_file(fields: Fields, tree: Node, base: CheckOptions) -> dict[str, FunctionSpec]:
    """The functions of the file's tree; what is wrong is reported and left out."""
    entries = fields.keyed(tree, "a spec", KEYS)
    if entries is None:
        return {}
    if "version" in entries:
        fields.integer(entries["version"], "version", "1", lambda v: v == 1)
    defaults = _read_defaults(fields, entries.get("defaults")).over(base)
    fields.required(tree, "a spec", tree, required(KEYS))
    if "functions" not in entries:
        return {}
    mapping = fields.mapping(entries["functions"], "functions", "a mapping from names to functions")
    if mapping is None or not fields.few(mapping, "FUNCTIONS"):
        return {}
    found = [read_draft(fields, mapping.keys[name], node) for name, node in mapping.entries.items()]
    drafts = {draft.name: draft for draft in found if draft is not None}
    _compile(drafts, list(mapping.entries))
    return _finish(fields, drafts, defaults)


def _read_defaults(fields: Fields, node: Node | None) -> CheckOptions:
    """The options under `defaults: check:`; they may also stand right under `defaults`."""
    if node is None:
        return NOTHING
    entries = fields.keyed(node, "defaults", ("check", *OPTIONS))
    if entries is None or "check" not in entries:
        return NOTHING if entries is None else read_options(fields, node, "defaults")
    for name, entry in entries.items():
        if name != "check":
            fields.complain(entry, f"defaults: {name} must stand inside check, beside the other options")
    return read_options(fields, entries["check"], "check")


def _compile(drafts: dict[str, Draft], names: list[str]) -> None:
    """Translate every forward, callees first since a call must know how many outputs it gives, then every rule."""
    texts = {name: forward_text(draft) for name, draft in drafts.items()}
    mentioned = {name: list[str]() for name in names}
    for name, text in texts.items():
        mentioned[name] = [] if text is None else sorted(words(text.value) & mentioned.keys())
    functions = Functions(set(names) - drafts.keys())
    for draft in drafts.values():
        functions.add(draft)
    for name in callees_first(mentioned)[0]:
        if name in drafts:
            compile_forward(drafts[name], texts[name], functions)
            functions.add(drafts[name])
            functions.unknown |= set() if drafts[name].outputs else {name}
    for draft in drafts.values():
        compile_rules(draft, functions)


def _finish(fields: Fields, drafts: dict[str, Draft], defaults: CheckOptions) -> dict[str, FunctionSpec]:
    """Read what remains, refuse cycles, and build the functions that have no mistakes."""
    functions = {}
    for name, draft in drafts.items():
        built = _function(draft, read_cases(draft, defaults))
        if built is not None:
            functions[name] = built
    calls = {name: sorted(function.calls & functions.keys()) for name, function in functions.items()}
    for cycle in callees_first(calls)[1]:
        message = f"functions must not call each other in a circle: {' -> '.join([*cycle, cycle[0]])}"
        fields.complain(drafts[cycle[0]].key, message, OWN_NAME_HINT if len(cycle) == 1 else "")
    return functions


def _function(draft: Draft, cases: tuple[Case, ...]) -> FunctionSpec | None:
    """The finished function; None where its forward is missing."""
    fields, entries = draft.fields, draft.entries
    surrogate = bool("surrogate" in entries and fields.boolean(entries["surrogate"], "surrogate"))
    if surrogate and "backward" not in entries:
        fields.complain(entries["surrogate"], "surrogate: true must come with a backward rule, and there is none")
    texts = {key: fields.line(entries[key], key) if key in entries else "" for key in ("doc", "source")}
    if draft.forward is None:
        return None
    jvp = entries.get("jvp")
    return FunctionSpec(
        name=draft.name,
        location=fields.location(draft.key),
        inputs=cases[0].inputs,
        constants=draft.constants,
        forward=draft.forward,
        outputs=draft.outputs,
        cases=cases,
        backward=draft.backward,
        jvp=draft.jvp,
        jvp_location=None if jvp is None else fields.location(jvp),
        surrogate=surrogate,
        **texts,
    )
