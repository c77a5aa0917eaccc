"""Exported C as libraries: CMake and Arduino's builder build them, and their self-tests pass."""

import json
import subprocess
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
import yaml

from support.commands import refused, ultralif
from support.requirements import requires, requires_tool
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.c.packages import PACKAGES
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.runners.c import compile_c
from ultralif_deploy.verify.backends import write_form

pytestmark = requires("c")
requires_cmake = requires_tool("cmake", "apt-get install -y cmake")
requires_builder = requires_tool("arduino-builder", "apt-get install -y arduino-builder")
requires_simavr = requires_tool("simavr", "apt-get install -y arduino-core-avr simavr")

MAIN = """#include <cstdio>
#include "eye_program.h"
#include "ear_program.h"
#include "nose_program.h"

extern "C" uint32_t eye_selftest(void);
extern "C" uint32_t ear_selftest(void);
extern "C" uint32_t nose_selftest(void);

int main()
{
    std::printf("%d", (int)(eye_selftest() + ear_selftest() + nose_selftest()));
}
"""

PROJECT = """cmake_minimum_required(VERSION 3.13)
project(firmware LANGUAGES C CXX)
add_subdirectory(eye_program)

# What Zephyr's manual says of its functions.
function(zephyr_library_named name)
  add_library(${name} STATIC)
  set(library ${name} PARENT_SCOPE)
endfunction()
function(zephyr_library_sources)
  target_sources(${library} PRIVATE ${ARGN})
endfunction()
function(zephyr_include_directories folder)
  target_include_directories(${library} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
endfunction()
set(CONFIG_EAR_PROGRAM y)
add_subdirectory(ear_program/zephyr)

# What ESP-IDF's manual says of its function.
function(idf_component_register)
  cmake_parse_arguments(given "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
  get_filename_component(name ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  add_library(${name} STATIC ${given_SRCS})
  target_include_directories(${name} PUBLIC ${given_INCLUDE_DIRS})
endfunction()
add_subdirectory(nose_program)

add_executable(firmware main.cpp eye_selftest.c ear_selftest.c nose_selftest.c)
target_link_libraries(firmware PRIVATE eye_program ear_program nose_program)
"""
"""A firmware with a library of each package that CMake builds."""


def small_program(seed: int) -> Program:
    rng = np.random.default_rng(seed)
    hidden = Population("hidden", 9, Threshold(rng.integers(-2, 3, 9)), np.ones(9), np.ones(9))
    out = Population("out", 3, Integrator(), np.zeros(3), np.ones(3))
    maps = {INPUT: Dense(rng.integers(-7, 8, (9, 6))), "hidden": Dense(rng.integers(-7, 8, (3, 9)))}
    drives = zip(maps, ("hidden", "out"), maps.values(), strict=True)
    return Program(Input(6), (hidden, out), tuple(Projection(*one) for one in drives), "4", 5, 1)


def library(directory: Path, package: str, prefix: str = "ultralif") -> Path:
    """A small program as a library; returns the library's folder."""
    write_form("c", small_program(len(prefix)), directory, prefix=prefix, package=package)
    return directory / f"{prefix}_program"


def printed(*command: object, folder: Path | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@requires_cmake
def test_cmake_builds_a_library_and_its_self_test(tmp_path: Path) -> None:
    folder, build = library(tmp_path, "cmake"), tmp_path / "build"
    printed("cmake", "-S", folder, "-B", build)
    printed("cmake", "--build", build)
    assert "0 tests failed out of 1" in printed("ctest", folder=build)
    assert printed(build / "ultralif_selftest") == "0 values differ\n"


@requires_cmake
def test_one_image_holds_several_libraries(tmp_path: Path) -> None:
    for prefix, package in {"eye": "cmake", "ear": "zephyr", "nose": "esp-idf"}.items():
        folder = library(tmp_path / package, package, prefix).rename(tmp_path / f"{prefix}_program")
        text = (folder / PACKAGES[package].selftest).read_text("utf-8")
        start = f"{PACKAGES[package].entry}(void)"  # an image has one
        text = text.replace(start, f"{prefix}_{start}")
        (tmp_path / f"{prefix}_selftest.c").write_text(text, "utf-8")
    (tmp_path / "main.cpp").write_text(MAIN, "utf-8")
    (tmp_path / "CMakeLists.txt").write_text(PROJECT, "utf-8")
    printed("cmake", "-S", tmp_path, "-B", tmp_path / "build")
    printed("cmake", "--build", tmp_path / "build")
    assert printed(tmp_path / "build" / "firmware") == "0"


@requires_builder
@requires_simavr
def test_a_sketch_for_the_uno_passes_its_self_test(tmp_path: Path) -> None:
    sketch = library(tmp_path / "libraries", "arduino") / "examples" / "selftest" / "selftest.ino"
    (tmp_path / "build").mkdir()
    core, builder = "/usr/share/arduino/hardware", "/usr/share/arduino-builder"
    command = ["arduino-builder", "-compile", "-fqbn", "arduino:avr:uno"]
    command += ["-hardware", core, "-hardware", builder, "-tools", str(tmp_path)]
    command += ["-libraries", str(tmp_path / "libraries"), "-build-path", str(tmp_path / "build")]
    # Debian's core uses a macro that Debian's avr-g++ defines for C alone.
    command += ["-prefs", "compiler.cpp.extra_flags=-DDECIMAL_DIG=__DECIMAL_DIG__"]
    printed(*command, sketch)
    # An ATmega328P, which never ends; its serial output is on stderr, in colour.
    uno = ["simavr", "-m", "atmega328p", "-f", "16000000", tmp_path / "build" / "selftest.ino.elf"]
    with subprocess.Popen(uno, stderr=subprocess.PIPE, text=True) as simulated:
        assert simulated.stderr is not None
        deadline = Timer(60, simulated.kill)
        deadline.start()
        line = simulated.stderr.readline()
        deadline.cancel()
        simulated.kill()
    assert "m0 values differ" in line


@pytest.mark.parametrize("package", PACKAGES)
def test_every_self_test_compiles_with_its_library(package: str, tmp_path: Path) -> None:
    folder = library(tmp_path, package)
    layout = PACKAGES[package]
    sources = [folder / "src" / "ultralif_program.c", folder / layout.selftest]
    if layout.entry != "main":
        sources.append(tmp_path / "main.c")
        text = "unsigned ultralif_selftest(void);\nint main(void) { return ultralif_selftest(); }\n"
        sources[-1].write_text(text, "utf-8")
    compile_c((f"-I{folder / 'src'}", *sources, "-o", tmp_path / "selftest"))
    assert printed(tmp_path / "selftest") == ("0 values differ\n" if layout.entry == "main" else "")


@pytest.mark.parametrize("package", PACKAGES)
def test_files_bear_the_prefix(package: str, tmp_path: Path) -> None:
    plain, named = library(tmp_path / "a", package), library(tmp_path / "b", package, "my_Net2")
    names = sorted(p.relative_to(plain) for p in plain.rglob("*") if p.is_file())
    for name in names:
        if name.suffix in (".c", ".h"):  # of another program here; they have a test of their own
            continue
        text = (plain / name).read_text("utf-8")
        text = text.replace("ultralif_", "my_Net2_").replace("ULTRALIF_", "MY_NET2_")
        assert (named / name).read_text("utf-8") == text, name
    renamed = {str(name).replace("ultralif_", "my_Net2_") for name in names}
    assert {str(p.relative_to(named)) for p in named.rglob("*") if p.is_file()} == renamed


def test_manifests_name_files_that_exist(tmp_path: Path) -> None:
    folder = library(tmp_path / "platformio", "platformio")
    manifest = json.loads((folder / "library.json").read_text("utf-8"))
    assert manifest["name"] == folder.name
    assert (folder / "src" / manifest["headers"]).is_file()
    for example in manifest["examples"]:
        assert all((folder / example["base"] / name).is_file() for name in example["files"])
    folder = library(tmp_path / "zephyr", "zephyr")
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text("utf-8"))
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (folder / module["build"]["kconfig"]).is_file()
    assert [name for name in module["samples"] if not (folder / name).is_dir()] == []
    sample = yaml.safe_load((folder / "samples" / "selftest" / "sample.yaml").read_text("utf-8"))
    assert "0 values differ" in str(sample["tests"])
    folder = library(tmp_path / "arduino", "arduino")
    lines = (folder / "library.properties").read_text("utf-8").splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    # What the Arduino library specification asks of every library.
    asked = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category"}
    assert asked <= {name for name, value in properties.items() if value}
    assert (folder / "src" / properties["includes"]).is_file()
    sketch = folder / "examples" / "selftest"
    assert {p.name for p in sketch.iterdir()} == {"selftest.ino", "selftest.c"}
    folder = library(tmp_path / "esp-idf", "esp-idf")
    assert yaml.safe_load((folder / "idf_component.yml").read_text("utf-8"))["version"] == "1.0.0"


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UltralifError, match="package 'make'; available: cmake, arduino"):
        write_form("c", small_program(1), tmp_path / "c", package="make")
    assert not (tmp_path / "c").exists()
    write_nir(small_program(1), tmp_path / "program.nir")
    command = ("export", tmp_path / "program.nir", "-o", tmp_path, "--package", "zephyr", "--to")
    assert "onnx: is no library; c does" in refused(*command, "c,onnx", code=1)
    done = ultralif(*command, "c", "--json")
    assert done.code == 0
    assert all(Path(one["file"]).is_file() for one in done.json()["exports"])
