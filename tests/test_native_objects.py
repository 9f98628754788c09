"""From text to code in memory, by way of the cache on disk; and the processor that code is written for."""

import ctypes
import os
import threading

import numpy as np
import pytest
from processes import printed_by

import nabla as nb
from nabla.engines.native.runtime import cache, machine, objects

ADD = """
define i64 @add(i64 %x) {{
  %y = add i64 %x, {}
  ret i64 %y
}}
"""


def called(library, name="add"):
    return library.function(name, ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_chosen", None)
    monkeypatch.setenv("NABLA_CACHE_DIR", str(tmp_path / "of" / "nabla"))
    monkeypatch.delenv("NABLA_CACHE", raising=False)
    return tmp_path / "of" / "nabla"


@pytest.fixture
def counted(monkeypatch):
    """What is emitted, in order."""
    texts, real = [], objects.emitted
    monkeypatch.setattr(objects, "emitted", lambda text, level: texts.append((text, level)) or real(text, level))
    return texts


# ---- code -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_text_becomes_a_function(level):
    assert called(objects.built(ADD.format(40 + level), level, "add"))(2) == 42 + level


def test_what_a_text_calls_is_linked_by_name(monkeypatch):
    text = """
    declare double @of_ours(double)
    declare double @llvm.fabs.f64(double)
    declare double @cbrt(double) #0
    define void @run(ptr %x) {
      %a = load double, ptr %x
      %b = call double @of_ours(double %a)
      %c = call double @cbrt(double %b)
      %d = call double @llvm.fabs.f64(double %c)
      store double %d, ptr %x
      ret void
    }
    attributes #0 = { nounwind }
    """.replace("\n    ", "\n")
    assert objects.outside(text) == ["of_ours", "cbrt"]
    with pytest.raises(nb.EngineError, match=r"LLVM could not link a function: .*; not to be found: of_ours$"):
        objects.built(text, 2, "run")
    ours = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: -8.0 * x)
    monkeypatch.setitem(objects.ADDRESSES, "of_ours", ctypes.cast(ours, ctypes.c_void_p).value)
    x = np.array([27.0])
    library = objects.built(text, 2, "run")
    library.function("run", ctypes.CFUNCTYPE(None, ctypes.c_void_p))(x.ctypes.data)
    assert x[0] == pytest.approx(6.0)


def test_vector_functions_are_linked():
    own = machine.machine()
    for (name, lanes), symbol in own.vectors.items():
        kind, real = (
            ("float", np.float32) if name.endswith("f") and (name[:-1], own.lanes) in own.vectors else ("double", np.float64)
        )
        vector = f"<{lanes} x {kind}>"
        count = symbol.count("v", 5, symbol.index("_", 5))
        text = f"declare {vector} @{symbol}({', '.join([vector] * count)})\n" + "\n".join(
            [
                "define void @run(ptr %x) {",
                f"  %a = load {vector}, ptr %x, align 4",
                f"  %b = call {vector} @{symbol}({', '.join([f'{vector} %a'] * count)})",
                f"  store {vector} %b, ptr %x, align 4",
                "  ret void",
                "}",
            ]
        )
        x = np.linspace(1.1, 1.9, lanes) if name.startswith("acosh") else np.linspace(0.1, 0.9, lanes)
        x = x.astype(real)
        function = name.removesuffix("f") if real is np.float32 else name
        names = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}
        if count == 2:
            expected = {"pow": np.power, "atan2": np.arctan2, "hypot": np.hypot}[function](x, x)
        else:
            expected = np.asarray(getattr(nb, names.get(function, function))(x))
        library = objects.built(text, 0, "run")
        library.function("run", ctypes.CFUNCTYPE(None, ctypes.c_void_p))(x.ctypes.data)
        np.testing.assert_allclose(x, expected, rtol=4 * np.finfo(real).eps, err_msg=symbol)


def test_a_text_that_is_wrong():
    with pytest.raises(RuntimeError, match="expected type"):
        objects.built("define what", 2, "run")


def test_threads_compile_at_the_same_time(monkeypatch):
    monkeypatch.setenv("NABLA_CACHE", "off")
    found = []

    def work(first):
        found.extend(called(objects.built(ADD.format(i), i % 4, "add"))(1) == i + 1 for i in range(first, first + 40))

    threads = [threading.Thread(target=work, args=(100 * k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 240


FORK = f"""
import ctypes, os, threading, time
import llvmlite.binding as llvm
from nabla.engines.native.runtime import objects

def answer(i):
    return objects.built({ADD!r}.format(i), 1, "add").function("add", ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64))(1)

def work():
    inside.set()
    if in_llvm:
        with llvm.ffi.lib._lock:  # as whoever calls LLVM
            time.sleep(0.1)
    else:
        for i in range(20):
            assert answer(i) == i + 1

codes = []
for in_llvm in (True, False):
    assert answer(100) == 101
    inside = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    time.sleep(0.02)
    child = os.fork()
    if not child:
        os._exit(answer(101))
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    thread.join()
print(codes)
"""


def test_a_fork_waits_for_who_is_in_llvm():
    assert printed_by(FORK, NABLA_CACHE="off") == "[102, 102]\n"


def size():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.parametrize("level", [0, 2])
def test_what_compiles_is_used_again(level):
    for _ in range(50):
        objects.emitted(ADD.format(1), level)
    before = size()
    for _ in range(500):
        objects.emitted(ADD.format(1), level)
    assert size() - before < 500 * 600


def test_functions_that_are_gone_leave_no_memory(monkeypatch):
    monkeypatch.setenv("NABLA_CACHE", "off")
    code = objects.emitted(ADD.format(1), 0)
    for _ in range(4 * objects.TOGETHER):
        objects.loaded(code, ["add"], [])
    before = size()
    for _ in range(20 * objects.TOGETHER):
        objects.loaded(code, ["add"], [])
    assert size() - before < 20 * objects.TOGETHER * 1000


def test_assembly():
    assert "ret" in objects.emitted(ADD.format(7), 2, assembly=True).decode()


# ---- the cache ------------------------------------------------------------------------------------------------


def test_what_was_compiled_is_read_from_disk(place, counted):
    for _ in range(3):
        assert called(objects.built(ADD.format(1), 2, "add"))(2) == 3
    assert counted == [(ADD.format(1), 2)]
    assert len(list(place.iterdir())) == 1
    objects.built(ADD.format(1), 0, "add")
    objects.built(ADD.format(2), 2, "add")
    assert len(counted) == 3 and len(list(place.iterdir())) == 3
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("fact", ["cpu", "features"])
def test_another_processor_is_another_file(place, counted, monkeypatch, fact):
    objects.built(ADD.format(1), 2, "add")
    own = machine.machine()
    other = machine.Machine(**{**vars(own), fact: {"cpu": "x86-64", "features": own.features + ",-avx"}[fact]})
    monkeypatch.setattr(machine, "machine", lambda: other)
    objects.built(ADD.format(1), 2, "add")
    assert len(counted) == 2


def test_switched_off(place, counted, monkeypatch):
    monkeypatch.setenv("NABLA_CACHE", "off")
    for _ in range(2):
        objects.built(ADD.format(1), 2, "add")
    assert len(counted) == 2 and not place.exists()
    monkeypatch.setenv("NABLA_CACHE", "no")
    with pytest.raises(nb.ArgumentError, match="NABLA_CACHE is 'no'; it may be on or off"):
        objects.built(ADD.format(1), 2, "add")


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_file_is_written_anew(place, counted, damage):
    objects.built(ADD.format(5), 2, "add")
    (file,) = place.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage if damage is not None else whole[:-1] + bytes([whole[-1] ^ 1]))
    assert called(objects.built(ADD.format(5), 2, "add"))(2) == 7
    assert len(counted) == 2 and file.read_bytes() == whole


def test_what_cannot_be_written_is_not_kept(tmp_path, monkeypatch, counted):
    monkeypatch.setattr(cache, "_chosen", None)
    monkeypatch.delenv("NABLA_CACHE", raising=False)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NABLA_CACHE_DIR", str(tmp_path / "file"))
    for _ in range(2):
        assert called(objects.built(ADD.format(5), 2, "add"))(2) == 7
    assert len(counted) == 2


COMPILES = f"""
import ctypes
from nabla.engines.native.runtime import objects

for i in range(3):
    library = objects.built({ADD!r}.format(i), 2, "add")
    assert library.function("add", ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64))(1) == i + 1
print("compiled")
"""


def test_a_disk_that_is_full(tmp_path):
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    assert printed_by(full + COMPILES, NABLA_CACHE="on", NABLA_CACHE_DIR=str(tmp_path)) == "compiled\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["/proc/nabla", "/dev/null", "/sys/nabla"])
def test_a_place_where_nothing_can_be_written(where):
    assert printed_by(COMPILES, NABLA_CACHE="on", NABLA_CACHE_DIR=where) == "compiled\n"


def test_the_directory(monkeypatch):
    monkeypatch.setattr(cache, "_chosen", None)
    monkeypatch.delenv("NABLA_CACHE", raising=False)
    monkeypatch.delenv("NABLA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.join("some", "where"))
    assert str(cache.directory()) == os.path.join("some", "where", "nabla")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", os.path.join("of", "me"))
    assert str(cache.directory()) == os.path.join("of", "me", ".cache", "nabla")
    monkeypatch.setenv("NABLA_CACHE_DIR", "named")
    assert str(cache.directory()) == "named"
    cache.keep_in("chosen")
    assert str(cache.directory()) == "chosen"
    monkeypatch.setenv("NABLA_CACHE", "off")
    assert cache.directory() is None


def test_the_facts_are_told_apart(place):
    assert cache.kept(("ab", "c"), lambda: b"1") == b"1"
    assert cache.kept(("a", "bc"), lambda: b"2") == b"2"
    assert cache.kept(("ab", "c"), lambda: b"3") == b"1"


def test_the_oldest_are_removed(place, monkeypatch):
    monkeypatch.setattr(cache, "LARGEST", 10 * 132)
    monkeypatch.setattr(cache, "BETWEEN", 1)
    for i in range(10):
        cache.kept((str(i),), lambda: bytes(100))
        for k, file in enumerate(sorted(place.iterdir(), key=lambda file: file.stat().st_mtime_ns)):
            os.utime(file, ns=(k, k))  # each older than the next, by any clock
    assert cache.kept(("0",), lambda: b"anew") == bytes(100)  # used now
    cache.kept(("10",), lambda: bytes(100))
    assert len(list(place.iterdir())) == 7
    assert cache.kept(("0",), lambda: b"anew") == bytes(100)
    assert cache.kept(("1",), lambda: b"anew") == b"anew"


PROCESS = f"""
import ctypes, sys
from nabla.engines.native.runtime import objects
emitted, real = [], objects.emitted
objects.emitted = lambda text, level: emitted.append(text) or real(text, level)
found = []
for i in range(30):
    library = objects.built({ADD!r}.format(i), 2, "add")
    found.append(library.function("add", ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64))(1) == i + 1)
print(all(found), len(emitted))
"""


def test_processes_share_it(place):
    told = []
    both = [threading.Thread(target=lambda: told.append(printed_by(PROCESS))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [line.split()[0] for line in told] == ["True", "True"]
    assert printed_by(PROCESS) == "True 0\n"
    assert len(list(place.iterdir())) == 30


# ---- the processor --------------------------------------------------------------------------------------------

V3 = dict.fromkeys(machine.V3, True)


@pytest.mark.parametrize(
    ("target", "architecture", "has", "expected"),
    [
        ("native", "x86_64", {**V3, "avx512f": True}, ("this", "+all", 8)),
        ("native", "x86_64", V3, ("this", "+all", 4)),
        ("native", "x86_64", {}, ("this", "+all", 2)),
        ("native", "aarch64", {"neon": True}, ("this", "+all", 2)),
        ("avx2", "x86_64", {**V3, "avx512f": True}, ("x86-64-v3", "", 4)),
        ("scalar", "x86_64", V3, ("x86-64", "", 1)),
        ("scalar", "aarch64", {"neon": True}, ("generic", "", 1)),
    ],
)
def test_what_code_is_written_for(target, architecture, has, expected):
    assert machine.chosen(target, architecture, "this", "+all", has) == expected


def test_targets_that_there_are_not():
    with pytest.raises(nb.ArgumentError, match="NABLA_TARGET is 'avx'; it may be native, avx2, scalar"):
        machine.chosen("avx", "x86_64", "this", "", V3)
    for architecture, has in (("x86_64", {**V3, "fma": False}), ("aarch64", V3)):
        with pytest.raises(nb.ArgumentError, match="NABLA_TARGET is 'avx2', which this processor has not; 'scalar' works on all"):
            machine.chosen("avx2", architecture, "this", "", has)


@pytest.mark.parametrize(
    ("architecture", "lanes", "expected"),
    [
        ("x86_64", 8, {("exp", 8): "_ZGVeN8v_exp", ("expf", 16): "_ZGVeN16v_expf", ("powf", 8): "_ZGVdN8vv_powf"}),
        ("x86_64", 4, {("exp", 4): "_ZGVdN4v_exp", ("expf", 8): "_ZGVdN8v_expf", ("powf", 4): "_ZGVbN4vv_powf"}),
        ("x86_64", 2, {("exp", 2): "_ZGVbN2v_exp", ("expf", 4): "_ZGVbN4v_expf", ("powf", 2): None}),
        ("x86_64", 1, {("exp", 1): None, ("expf", 2): None, ("expf", 1): None}),
        (
            "aarch64",
            2,
            {
                ("exp", 2): "_ZGVnN2v_exp",
                ("expf", 4): "_ZGVnN4v_expf",
                ("atan2", 2): "_ZGVnN2vv_atan2",
                ("expf", 2): None,
                ("pow", 2): "_ZGVnN2vv_pow",
                ("powf", 4): None,
                ("log1p", 2): None,
            },
        ),
        ("aarch64", 1, {("exp", 1): None}),
        ("riscv64", 2, {("exp", 2): None}),
    ],
)
def test_names_of_vector_functions(architecture, lanes, expected):
    symbols = machine.vector_symbols(architecture, lanes)
    assert {key: symbols.get(key) for key in expected} == expected


TARGET = """
from nabla.engines.native.runtime import machine, objects
own = machine.machine()
text = "define void @run(ptr %x) {\\n  %a = load <8 x double>, ptr %x\\n  %b = fadd <8 x double> %a, %a\\n"
text += "  store <8 x double> %b, ptr %x\\n  ret void\\n}"
code = objects.emitted(text, 2, assembly=True).decode()
print(own.lanes, own.vectors == {}, "zmm" in code, "ymm" in code)
"""


def test_less_than_the_processor_can():
    assert printed_by(TARGET, NABLA_TARGET="scalar") == "1 True False False\n"
    if machine.machine().lanes >= 4:
        assert printed_by(TARGET, NABLA_TARGET="avx2").split()[0::2] == ["4", "False"]
