"""Runs the blocks of a document one after the other, as a reader would, and compares."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.paths import ROOT
from tests.docs.likeness import Likeness, Unlike, documented_json
from tests.docs.service import Service
from tests.docs.snippets import Snippet

_TIMEOUT_SECONDS = 60
_CLIENT = ROOT / "clients" / "python" / "src"


@dataclass
class Session:
    """A reader with a shell in `folder`; what one block sets, the next one has."""

    service: Service
    folder: Path
    likeness: Likeness = field(default_factory=Likeness)
    _variables: str = ""

    def follow(self, snippets: Sequence[Snippet]) -> None:
        """Do what the document says, block by block. Raises Unlike."""
        output: str | None = None
        for snippet, after in zip(snippets, [*snippets[1:], None], strict=True):
            match snippet.kind:
                case "run":
                    output = self._run(snippet)
                    has_answer = after is not None and after.kind == "answer"
                    _refuse_errors(output, has_answer=has_answer)
                    for kept in self.folder.glob("*.json"):
                        _refuse_errors(kept.read_text(), has_answer=False)
                case "tools":
                    output = None
                case "answer" if output is not None:
                    self._compare(snippet, output)
                case "message":
                    self.service.deliver(*_json_in(self.likeness.really(snippet.text)))
                case "later":
                    self.service.later(int(snippet.text))
                case _:
                    pass

    def _run(self, snippet: Snippet) -> str:
        text = self.likeness.really(snippet.text)
        if snippet.language == "python":
            program = f"exec {shlex.join([sys.executable, '-c', text])}"
            return self._output(["bash", "-c", f"{self._variables}\n{program}"], snippet)
        kept = self.folder / "variables"
        script = f"set -eu\n{self._variables}\n{text}\nset > {kept}; export -p >> {kept}"
        output = self._output(["bash", "-c", script], snippet)
        self._variables = _own_variables(kept.read_text())
        return output

    def _output(self, command: Sequence[str], snippet: Snippet) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": path, "PYTHONPATH": str(_CLIENT)},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise Unlike(f"line {snippet.line} exits with {done.returncode}: {done.stderr}")
        return done.stdout.replace("\r\n", "\n")

    def _compare(self, snippet: Snippet, output: str) -> None:
        at = f"line {snippet.line}"
        if not output:
            raise Unlike(f"{at}: nothing was printed")
        match snippet.language:
            case "json":
                self.likeness.compare(documented_json(snippet.text), _json_in(output)[-1], at=at)
            case "http":
                self._compare_http(snippet.text, output, at)
            case _:
                self.likeness.compare_texts(snippet.text, output, at=at)

    def _compare_http(self, documented: str, output: str, at: str) -> None:
        head, _, body = documented.partition("\n\n")
        real_head, _, real_body = output.partition("\n\n")
        sent = {line.lower() for line in real_head.splitlines()}
        for line in map(str.lower, head.splitlines()):
            pattern = re.sub(r"\d+(?=$)", r"\\d+", re.escape(line)) if "retry" in line else None
            status = re.match(r"http/\S+ (\d+)", line)
            if status:
                pattern = rf"http/\S+ {status[1]}\b.*"
            if not any(re.fullmatch(pattern or re.escape(line), request) for request in sent):
                raise Unlike(f"{at}: {line} is not in {sorted(sent)}")
        if body:
            self.likeness.compare(documented_json(body), json.loads(real_body), at=at)


def _own_variables(everything: str) -> str:
    """What a script has set, without what bash itself sets: lower-case variables and functions.

    Of the exported ones these are the client's, SPENDGATE_URL and the like.
    """
    variables = re.findall(r"^(?:[a-z]\w*=.*|declare -x SPENDGATE_.*)$", everything, re.MULTILINE)
    functions = re.findall(r"^\w+ \(\) *\n\{.*?^\}$", everything, re.MULTILINE | re.DOTALL)
    return "\n".join([*variables, *functions])


def _json_in(text: str) -> list[Any]:
    """Every JSON document in a text, one after the other."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        value, position = decoder.raw_decode(text, position)
        found.append(value)
    return found


def _refuse_errors(output: str, *, has_answer: bool) -> None:
    """An error is an answer like any other, but only where the document shows it."""
    try:
        answers = _json_in(output)
    except json.JSONDecodeError:
        return
    for answer in answers[:-1] if has_answer else answers:
        if isinstance(answer, dict) and "error" in answer:
            raise Unlike(f"an answer that is not shown is an error: {answer}")
