"""Rows: text files that are no text, no JSON, of other types, without end, or that drive a terminal or a browser."""

import json

from hostile_rows import add, tools_of
from hostile_stage import Stage

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\r\x9b31m\u202e\u2028<script>alert(1)</script>[/red][bold]"
JSONS = {
    "meta.json": "meta.json",
    "run.json": "checkpoints/run.json",
    "evaluation.json": "evaluation.json",
    "record": "checkpoints/agents/480/record/metadata",
    "record of a state": "checkpoints/resume/492/record/metadata",
    ".zarray": "checkpoints/agents/480/arrays/actor.head.bias/.zarray",
}
CONTENTS = {
    "nested 100,000 deep": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "objects nested 100,000 deep": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a number of 5,000 digits": '{"identity": ' + "9" * 5_000 + "}",
    "1e400": '{"identity": 1e400, "run": {"step": 1e400}, "engine": 1e400}',
    "NaN": '{"identity": NaN, "run": {"step": NaN}, "engine": NaN}',
    "a list": "[1, 2]",
    "empty": "",
    "Latin-1": '{"identity": "é"}'.encode("latin-1"),
    "zero bytes": b"\x00" * 4096,
    "escapes": json.dumps({"identity": ESCAPES, "engine": ESCAPES, ESCAPES: ESCAPES, "run": {"step": ESCAPES}}),
    "escapes, no JSON": "{" + ESCAPES,
    "wrong types": '{"identity": [], "run": 3, "engine": {}, "name": 5, "command": {}, "seed": "x", "env": 1}',
    "a line of 20 MB": '{"identity": "' + "x" * 20_000_000 + '"}',
}
LINES = {
    "nested 100,000 deep": '{"env_steps": 490, "updates": 13, "seconds": 1, "a": '
    + "[" * 100_000
    + "]" * 100_000
    + "}\n",
    "a number of 5,000 digits": '{"env_steps": ' + "9" * 5_000 + ', "updates": 13, "seconds": 1}\n',
    "a step of 400 digits": '{"env_steps": ' + "9" * 400 + ', "updates": 13, "seconds": 1}\n',
    "a step of 1e299": '{"env_steps": 1e299, "updates": 13, "seconds": 1, "eval/time_at_goal": 1}\n',
    "NaN": '{"env_steps": 490, "updates": 13, "seconds": NaN, "eval/time_at_goal": NaN}\n',
    "metrics 1e400": '{"env_steps": 490, "updates": 13, "seconds": 1, "eval/time_at_goal": 1e400}\n',
    "steps that fall": '{"env_steps": 1, "updates": 1, "seconds": 1, "eval/time_at_goal": 1}\n',
    "steps that are fractions": '{"env_steps": 490.5, "updates": 13.5, "seconds": 1, "eval/time_at_goal": 1}\n',
    "a list": "[1]\n",
    "true for a step": '{"env_steps": true, "updates": true, "seconds": true}\n',
    "names that are escapes": json.dumps(
        {"env_steps": 490, "updates": 13, "seconds": 1, ESCAPES: 1, f"eval/{ESCAPES}": 2, "../../x": 3, "": 4}
    )
    + "\n",
    "a name of 1 MB": json.dumps({"env_steps": 490, "updates": 13, "seconds": 1, "x" * 1_000_000: 1}) + "\n",
    "100,000 names": json.dumps(
        {"env_steps": 490, "updates": 13, "seconds": 1} | {f"eval/{i}": i for i in range(100_000)}
    )
    + "\n",
    "a line of 20 MB": '{"env_steps": 490, "x": "' + "x" * 20_000_000 + '"}\n',
    "Latin-1": b"\xe9\n",
    "zero bytes": b"\x00" * 4096 + b"\n",
    "seconds of 1e299": '{"env_steps": 490, "updates": 13, "seconds": 1e299, "eval/time_at_goal": 1e299}\n',
    "ten lines of one step": '{"env_steps": 480, "updates": 12, "seconds": 1, "eval/time_at_goal": 1}\n' * 10,
}


# What meta.json says of the version that made the run: another one, or what is none.
VERSIONS = {
    "another version": "0.2.0",
    "a version of escapes": ESCAPES,
    "a version of 1 MB": "0.2." + "9" * 1_000_000,
    "a version that is a list": ["0.2.0"],
}


def _many_lines(stage: Stage) -> None:
    line = '{"env_steps": 490, "updates": 13, "seconds": 1}\n'
    stage.append("metrics.jsonl", line * 3_000_000)


for _label, _file in JSONS.items():
    for _kind, _text in CONTENTS.items():
        add(tools_of(_file), f"{_label}: {_kind}", lambda stage, file=_file, text=_text: stage.write(file, text))
for _kind, _version in VERSIONS.items():
    add(
        tools_of("meta.json"),
        f"meta.json: {_kind}",
        lambda stage, version=_version: stage.json(
            "meta.json", lambda content: content["versions"].update({"bathyal-crl": version})
        ),
    )
for _kind, _text in LINES.items():
    add(
        tools_of("metrics.jsonl"),
        f"metrics.jsonl: {_kind}",
        lambda stage, text=_text: stage.append("metrics.jsonl", text),
    )
add(tools_of("metrics.jsonl"), "metrics.jsonl: empty", lambda stage: stage.write("metrics.jsonl", ""))
add(tools_of("metrics.jsonl"), "metrics.jsonl: millions of lines", _many_lines)
