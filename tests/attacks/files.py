"""Array files, and paths of specs, that are not what they should be."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from attacks.attack import JUDGED, REFUSED, SPEC, Attack, function


class Owning:
    """Unpickling it would make a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch owned",)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header(text: str, version: bytes = b"\1\0") -> bytes:
    data = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(data)) + data


PICKLE = pickle.dumps(Owning())
CONTENTS = {
    "a pickle": PICKLE,
    "an array of objects": npy(np.array([Owning()], dtype=object)),
    "a header of terabytes": header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"),
    "a header of many axes": header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'1,' * 40}), }}"),
    "a header of a negative shape": header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
    "a header of a boolean shape": header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }"),
    "a header of an overflowing shape": header("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"),
    "a header of code": header("__import__('os').system('touch owned')"),
    "a header of brackets": header("(" * 100),
    "a header of objects": header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + PICKLE,
    "a header of records": header("{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }") + PICKLE,
    "a header of text": header("{'descr': '<U9', 'fortran_order': False, 'shape': (1,), }") + b"\0" * 36,
    "a header of dates": header("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,), }") + b"\0" * 8,
    "a header of long doubles": header("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }") + b"\0" * 16,
    "a header of void": header("{'descr': '|V2147483647', 'fortran_order': False, 'shape': (1,), }"),
    "a header of four gigabytes": b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b"{",
    "a header of the future": header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", b"\x09\0") + b"\0" * 8,
    "half a header": b"\x93NUMPY\1\0\xff",
    "half an array": header("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }") + b"\0" * 8,
    "nothing": b"",
    "a zip": b"PK\3\4" + b"\0" * 100,
    "text": b"1.0 2.0\n",
    "too many elements": npy(np.zeros(0)).replace(b"(0,), ", b"(20000001,), ") + b"\0" * 1000,
}
HONEST = {"a header of long doubles"}
NAMES = {
    "an absolute path": "/etc/passwd",
    "a path upwards": "../x.npy",
    "a path upwards, hidden": "a/../../x.npy",
    "a home": "~/x.npy",
    "a URL": "http://localhost/x.npy",
    "a file URL": "file:///etc/passwd",
    "a Windows path": "C:\\x.npy",
    "a backslash": "..\\x.npy",
    "a share": "\\\\host\\x.npy",
    "nothing": '""',
    "a dot": ".",
    "a folder": "folder",
    "NUL": '"x\\0.npy"',
    "a newline": '"x\\n.npy"',
    "a long name": "x" * 5000,
    "a device": "/dev/zero",
    "a variable": "$HOME/x.npy",
    "no array": "spec.gradcheck.yaml",
    "a list": "[x.npy]",
    "a number": "7",
}


def with_file(data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "x.npy").write_bytes(data)


def links_outside(folder: Path) -> None:
    (folder / "x.npy").symlink_to("/etc/hostname")


def links_to_folder_outside(folder: Path) -> None:
    (folder / "sub").symlink_to("/etc")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "x.npy")


def folder_instead(folder: Path) -> None:
    (folder / "folder").mkdir()
    (folder / "x.npy").mkdir()


def link_loop(folder: Path) -> None:
    (folder / "x.npy").symlink_to("x.npy")


PREPARED = {
    "a link outside": ("x.npy", links_outside),
    "a linked folder": ("sub/hostname", links_to_folder_outside),
    "a pipe": ("x.npy", pipe),
    "a folder": ("x.npy", folder_instead),
    "a link to itself": ("x.npy", link_loop),
}


def reading(name: str) -> str:
    return function(inputs=f"{{x: {{file: {name}}}}}")


def spec_pipe(folder: Path) -> None:
    os.mkfifo(folder / SPEC)


def spec_folder(folder: Path) -> None:
    (folder / SPEC).mkdir()


def spec_link_loop(folder: Path) -> None:
    (folder / SPEC).symlink_to(SPEC)


def loop_of_folders(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "b").symlink_to("..")


def unreadable_names(folder: Path) -> None:
    (folder / "-k.yaml").write_text(function())
    (folder / "--seed").write_text("x")


ATTACKS = [
    *(
        Attack(f"array file: {name}", reading("x.npy"), JUDGED if name in HONEST else REFUSED, prepare=with_file(data))
        for name, data in CONTENTS.items()
    ),
    *(Attack(f"array path: {name}", reading(path)) for name, path in NAMES.items()),
    *(Attack(f"array is {name}", reading(path), prepare=prepare) for name, (path, prepare) in PREPARED.items()),
    Attack("spec is a pipe", prepare=spec_pipe),
    Attack("spec is a folder without specs", prepare=spec_folder),
    Attack("spec is a link to itself", prepare=spec_link_loop),
    Attack("spec is a device", argv=("run", "/dev/zero")),
    Attack("spec is a terminal", argv=("run", "/dev/tty")),
    Attack("spec is of /proc", argv=("run", "/proc/self/mem"), touches="/proc/"),
    Attack("spec is missing", argv=("run", "nowhere.yaml")),
    Attack("spec has NUL in its name", argv=("run", "a\0b")),
    Attack("spec has a long name", argv=("run", "a" * 5000)),
    Attack("spec is a URL", argv=("run", "http://localhost/a.yaml")),
    Attack("spec is a name in other bytes", argv=("run", "\udcff.yaml")),
    Attack("folder links to itself", codes=frozenset({2}), argv=("run", "a"), prepare=loop_of_folders),
    Attack("names like options", argv=("run", "-k.yaml"), prepare=unreadable_names),
    Attack("names like options, behind --", codes=frozenset({0}), argv=("run", "--", "-k.yaml"), prepare=unreadable_names),
]
