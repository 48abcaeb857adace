"""Gin files, includes and --set add up to one configuration, and say where they are wrong."""

import math
from pathlib import Path

import pytest
import reading
from exits import UserError
from hypothesis import given
from hypothesis import strategies as st
from run_directory import learning
from statements import Macro, Reference

HEAD = "from __gin__ import dynamic_registration\nimport crl\nimport nets\nimport envs\n"


def write(folder: Path, **files: str) -> Path:
    """Writes `name`.gin for every keyword and returns the path of the first."""
    for name, text in files.items():
        (folder / f"{name}.gin").write_text(text)
    return folder / f"{next(iter(files))}.gin"


def values(configuration: reading.Configuration) -> dict[str, str]:
    """Bindings and macros as text."""
    named = {str(key): repr(binding.value) for key, binding in configuration.bindings.items()}
    return named | {f"%{name}": repr(macro.value) for name, macro in configuration.macros.items()}


def test_last_binding_wins_whatever_it_calls_the_module(tmp_path):
    file = write(
        tmp_path,
        main=HEAD + "include 'part.gin'\nnets.residual.ResidualBlock.layers = 2\n",
        part="import nets.residual as r\nfrom nets import residual\n"
        "r.ResidualBlock.layers = 8\nresidual.ResidualBlock.activation = @r.ResidualBlock\n",
    )
    assert values(reading.read([file])) == {
        "nets.residual.ResidualBlock.layers": "2",
        "nets.residual.ResidualBlock.activation": "@nets.residual.ResidualBlock",
    }


def test_text_says_the_same_without_includes(tmp_path):
    file = write(
        tmp_path,
        main=HEAD
        + "include 'part.gin'\nDEEP = [@a/b/crl.energies.l2.l2, {'x': (%SIZE, -1e-7)}]\ncrl.Trainer.goals = %DEEP\n",
        part=HEAD + 'SIZE = 4\na/envs.PointMaze:\n  maze = """11\n11"""\n  goals = (\'G\'\n    "H")\n',
    )
    given = reading.read([file], ["PointMaze.goals = None", "crl.train.seed = 0x10"])
    again = reading.read_text(given.text("python x\nsecond line"), "config.gin")
    assert values(again) == values(given) and again.imports.keys() == given.imports.keys()
    assert values(again)["a/envs.PointMaze.maze"] == repr("11\n11")
    assert "include" not in given.text()


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.builds(Reference, st.sampled_from(["", "a", "a/b"]), st.just("crl.energies.l2.l2"), st.booleans())
    | st.just(Macro("SIZE"))
)
nested = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=nested)
def test_every_value_survives_being_stored(value):
    text = f"import crl\nSIZE = 1\ncrl.train.x = {value!r}\n"
    stored = reading.read_text(text, "a")
    again = reading.read_text(stored.text(), "b")
    (found,) = again.bindings.values()
    assert repr(found.value) == repr(value)
    if isinstance(value, float):
        assert found.value == value and math.copysign(1, found.value) == math.copysign(1, value)


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("crl.train.env_steps = 7", "crl.train.env_steps", "7"),
        ("train.env_steps=7", "crl.train.env_steps", "7"),
        ("actor/ResidualMLP.depth = 8", "actor/nets.ResidualMLP.depth", "8"),
        (
            "Trainer.goals = @crl.goals.geometric.Geometric()",
            "crl.Trainer.goals",
            "@crl.goals.geometric.Geometric()",
        ),
        ("Trainer.goals = @Geometric()", "crl.Trainer.goals", "@crl.goals.geometric.Geometric()"),
        ("Geometric.discount = 0.9", "crl.goals.geometric.Geometric.discount", "0.9"),
        ("geometric.Geometric.discount = 0.9", "crl.goals.geometric.Geometric.discount", "0.9"),
        ("DEPTH = 4", "%DEPTH", "4"),
    ],
)
def test_set_takes_full_and_short_names(tmp_path, setting, name, value):
    file = write(
        tmp_path,
        main=HEAD
        + "from crl.algorithms import contrastive\nfrom crl.goals import geometric as laws\n"
        + "crl.train.trainer = @crl.Trainer()\ncrl.Trainer.actor_goals = @laws.Geometric()\n"
        + "contrastive.ContrastiveRL.actor = @actor/nets.ResidualMLP\n",
    )
    assert values(reading.read([file], [setting]))[name] == value


@pytest.mark.parametrize(
    ("text", "setting", "message"),
    [
        ("crl.train.seed = one\n", "", "main.gin:5: `crl.train.seed = one` is not gin syntax"),
        ("crl.train.seed = (1,\n", "", "is not gin syntax"),
        ("crl.train.seed = 1 2\n", "", "main.gin:5: `crl.train.seed = 1 2` is not gin syntax"),
        ("crl.train.seed = {[]: 1}\n", "", "is not gin"),
        ("crl.train.seed = " + 2000 * "[" + "\n", "", "is not gin"),
        (
            "clr.train.seed = 1\n",
            "",
            "main.gin:5: `clr` of `clr.train` is not imported in this file; did you mean crl?",
        ),
        ("crl.train.seed = [@net.Dense]\n", "", "`net` of `net.Dense` is not imported"),
        ("include 'pat.gin'\n", "", "main.gin:5: there is no file pat.gin; did you mean part.gin?"),
        ("include 'main.gin'\n", "", "main.gin includes itself"),
        ("include 'latin.gin'\n", "", "latin.gin is not UTF-8 text (byte 2)."),
        ("from __gin__ import magic\n", "", "has no feature `magic`"),
        ("import crl as gin\n", "", "the name `gin` is taken"),
        (
            "crl.train.seed = %SEDE\nSEED = 1\n",
            "",
            "main.gin:5: the macro `%SEDE` is not defined; did you mean SEED?",
        ),
        ("SEED = 1\n", "", "main.gin:5: the macro `SEED` is defined, but nothing uses it"),
        ("crl.train.seed = %gin.REQUIRED\n", "", "`crl.train.seed` must be given"),
        (
            "actr/nets.Dense.x = 1\ncrl.train.x = @actor/nets.Dense\n",
            "",
            "the scope `actr` of `actr/nets.Dense.x`",
        ),
        ("", "crl.train.seed", "is not of the form 'name = value'"),
        ("", "import os", "is not of the form 'name = value'"),
        ("", "crl.train.seed = 1\ncrl.train.seed = 2", "is not of the form 'name = value'"),
        ("", "crl.train.seed = u_maze", "--set 'crl.train.seed = u_maze' is not gin syntax"),
        ("crl.train.seed = 1e400\n", "", "main.gin:5: `crl.train.seed` holds inf, which is no finite number."),
        ("X = [1, {'a': (-1e999,)}]\n", "", "main.gin:5: `X` holds -inf, which is no finite number."),
        ("", "crl.train.seed = 1e400", "`crl.train.seed` holds inf, which is no finite number."),
        (
            f"crl.train.seed = {'(' * 5_000}{')' * 5_000}\n",
            "",
            "main.gin is not gin: its values are nested too deep.",
        ),
        (f"crl.train.seed = {'9' * 5_000}\n", "", f"main.gin:5: `crl.train.seed = {'9' * 183}` is not gin syntax"),
        ("crl.train.seed = 1\n", "tran.seed = 2", "this configuration knows no `tran`; did you mean train?"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(tmp_path, text, setting, message):
    file = write(tmp_path, main=HEAD + text, part="import crl\n")
    (tmp_path / "latin.gin").write_bytes(b"# \xe9\n")
    with pytest.raises(UserError) as caught:
        reading.read([file], [setting] if setting else []).check()
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match=r"there is no file configs/quickstrat\.gin; did you mean quickstart\.gin\?"):
        reading.read(["configs/quickstrat.gin"])


def test_learning_holds_what_the_trainer_reaches_and_not_how_it_is_watched(tmp_path):
    file = write(
        tmp_path,
        main=HEAD
        + "import evaluation\nfrom crl.data import online\n"
        + "SIZE = 4\n"
        + "crl.train.trainer = @crl.Trainer()\ncrl.train.seed = 3\ncrl.train.env_steps = 10\n"
        + "crl.train.evaluate = @evaluation.Evaluator()\ncrl.Trainer.env = @train/envs.PointMaze()\n"
        + "crl.Trainer.data = @online.Online()\nonline.Online.num_envs = %SIZE\n"
        + "evaluation.Evaluator.env = @eval/envs.PointMaze()\n"
        + "envs.PointMaze.maze = 'u_maze'\neval/envs.PointMaze.maze = 'big_maze'\n",
    )
    assert learning(reading.read([file])) == {
        "crl.train.trainer": "@crl.Trainer()",
        "crl.train.seed": "3",
        "crl.Trainer.env": "@train/envs.PointMaze()",
        "crl.Trainer.data": "@crl.data.online.Online()",
        "crl.data.online.Online.num_envs": "%SIZE",
        "%SIZE": "4",
        "envs.PointMaze.maze": "'u_maze'",
    }


def test_a_configuration_that_refers_to_itself_ends(tmp_path):
    file = write(tmp_path, main=HEAD + "crl.train.trainer = @a/crl.Trainer()\ncrl.Trainer.env = @a/crl.Trainer()\n")
    with pytest.raises(UserError, match="refers to itself without end"):
        learning(reading.read([file]))


def test_a_byte_order_mark_is_passed_over(tmp_path):
    file = tmp_path / "main.gin"
    file.write_text(HEAD + "crl.train.seed = 3\n", encoding="utf-8-sig")
    assert values(reading.read([file])) == {"crl.train.seed": "3"}


def test_includes_are_looked_for_beside_a_link_and_beside_what_it_shows(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "links").mkdir()
    write(tmp_path / "real", main="include 'near.gin'\ninclude 'far.gin'\n", near=HEAD + "crl.train.seed = 3\n")
    write(tmp_path / "links", far=HEAD + "crl.train.env_steps = 4\n")
    (tmp_path / "links" / "main.gin").symlink_to("../real/main.gin")
    found = values(reading.read([tmp_path / "links" / "main.gin"]))
    assert found == {"crl.train.seed": "3", "crl.train.env_steps": "4"}


def test_the_home_directory_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, main=HEAD + "crl.train.seed = 3\n")
    assert values(reading.read(["~/main.gin"])) == {"crl.train.seed": "3"}
    with pytest.raises(UserError) as unknown:
        reading.read(["~nobody_of_that_name/main.gin"])
    assert str(unknown.value) == "--gin ~nobody_of_that_name/main.gin: Could not determine home directory."


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b", "loop.gin"])
def test_what_cannot_be_a_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.gin").symlink_to("loop.gin")
    with pytest.raises(UserError) as refused:
        reading.read([name])
    assert "\n" not in str(refused.value) and str(refused.value).startswith("--gin: ")


def test_includes_that_grow_without_end_are_refused(tmp_path):
    for i in range(40):
        (tmp_path / f"{i}.gin").write_text(f"include '{i + 1}.gin'\n" * 2)
    (tmp_path / "40.gin").write_text("")
    with pytest.raises(UserError) as refused:
        reading.read([tmp_path / "0.gin"])
    assert str(refused.value).endswith(": a configuration has at most 200 files, includes counted.")


@pytest.mark.parametrize(
    "text",
    [
        "M0 = 1\n" + "".join(f"M{i + 1} = (%M{i}, %M{i})\n" for i in range(60)) + "crl.train.seed = %M60\n",
        "".join(f"crl.Trainer.a{i} = 1\n" for i in range(60))
        + "".join(f"m{i}/crl.Trainer.x = (@m{i + 1}/nets.Dense(), @m{i + 1}/nets.Dense())\n" for i in range(60))
        + "".join(f"nets.Dense.x{i} = (@d{i}/nets.Layer(), @d{i}/nets.Layer())\n" for i in range(60))
        + "".join(f"nets.Layer.y{i} = (@f{i}/envs.Ant(), @g{i}/envs.Ant())\n" for i in range(60))
        + "".join(f"envs.Ant.z{i} = 1\n" for i in range(60)),
    ],
)
def test_what_a_configuration_builds_is_bounded(tmp_path, text):
    configuration = reading.read([write(tmp_path, main=HEAD + text)])
    configuration.bindings = {key: binding for key, binding in configuration.bindings.items() if not key.scope}
    with pytest.raises(UserError, match=r"^This configuration builds [\d,]+ values; at most 100,000 are built\.$"):
        configuration.check()


def test_a_macro_of_itself_is_refused(tmp_path):
    for text in ("A = %A\ncrl.train.seed = %A\n", "A = (%B,)\nB = {1: %A}\ncrl.train.seed = %A\n"):
        with pytest.raises(UserError) as refused:
            reading.read([write(tmp_path, main=HEAD + text)]).check()
        assert str(refused.value) == "The configuration refers to itself without end."
