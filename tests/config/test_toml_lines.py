"""Every value of a TOML file has its line."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.config.toml_lines import locate

FORMS = {
    "tables and keys": (
        "# a comment\n[server]\nport = 1 # no [table]\n\n[ providers . azure ]\nkind='x'\n",
        {
            ("server",): 2,
            ("server", "port"): 3,
            ("providers",): 5,
            ("providers", "azure"): 5,
            ("providers", "azure", "kind"): 6,
        },
    ),
    "dotted keys": (
        'server.port = 1\nserver."host" = "a"\n[x]\na . b.c = 1',
        {
            ("server",): 1,
            ("server", "port"): 1,
            ("server", "host"): 2,
            ("x",): 3,
            ("x", "a"): 4,
            ("x", "a", "b"): 4,
            ("x", "a", "b", "c"): 4,
        },
    ),
    "quoted keys": (
        '[models."a.b]#"]\n\'c"d\' = 1\n"\\u0041\\"" = 2\n"" = 3\n',
        {
            ("models",): 1,
            ("models", "a.b]#"): 1,
            ("models", "a.b]#", 'c"d'): 2,
            ("models", "a.b]#", 'A"'): 3,
            ("models", "a.b]#", ""): 4,
        },
    ),
    "arrays": (
        'a = [ # [\n  "x,]", 1,\n\n  [2, 3],\n]\nb = 1',
        {
            ("a",): 1,
            ("a", 0): 2,
            ("a", 1): 2,
            ("a", 2): 4,
            ("a", 2, 0): 4,
            ("a", 2, 1): 4,
            ("b",): 6,
        },
    ),
    "inline tables": (
        'a = { b = "}", c.d = [ { e = 1 } ] }\nf = {}',
        {
            ("a",): 1,
            ("a", "b"): 1,
            ("a", "c"): 1,
            ("a", "c", "d"): 1,
            ("a", "c", "d", 0): 1,
            ("a", "c", "d", 0, "e"): 1,
            ("f",): 2,
        },
    ),
    "arrays of tables": (
        "[[a]]\nx = 1\n[a.b]\ny = 2\n[[a]]\nx = 3\n[[a.c]]\nz = 4\n[[a.c]]\nz = 5\n",
        {
            ("a",): 1,
            ("a", 0): 1,
            ("a", 0, "x"): 2,
            ("a", 0, "b"): 3,
            ("a", 0, "b", "y"): 4,
            ("a", 1): 5,
            ("a", 1, "x"): 6,
            ("a", 1, "c"): 7,
            ("a", 1, "c", 0): 7,
            ("a", 1, "c", 0, "z"): 8,
            ("a", 1, "c", 1): 9,
            ("a", 1, "c", 1, "z"): 10,
        },
    ),
    "texts over lines": (
        'a = """\nb = 1\n\\"""\n"" """""\nc = \'\'\'\nd = 1 \\\'\'\'\ne = "\\\\"\nf = \'\\\'\n',
        {("a",): 1, ("c",): 5, ("e",): 7, ("f",): 8},
    ),
    "other values": (
        "a = 1979-05-27 07:32:00Z # x\nb = [1e3, inf,\n -0.5]\r\nc = true\r\n",
        {("a",): 1, ("b",): 2, ("b", 0): 2, ("b", 1): 2, ("b", 2): 3, ("c",): 4},
    ),
    "nothing": ("\n  # only a comment", {}),
}


@pytest.mark.parametrize(("text", "lines"), FORMS.values(), ids=FORMS.keys())
def test_each_form_of_toml_is_located(text, lines) -> None:
    tomllib.loads(text)
    assert locate(text) == lines


names = st.text(alphabet="ab.[]#=\"' \\é", max_size=4) | st.sampled_from(["a", "b-1", "c_d", "3"])
scalars = st.integers(-9, 9) | st.booleans() | st.text(alphabet="a\"'\n\\#,]}é", max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class Pen:
    """Writes TOML and remembers where it wrote what."""

    def __init__(self, data) -> None:
        self.text = ""
        self.lines: dict[tuple, int] = {}
        for table, content in data.items():
            self.write(f"\n[{quoted(table)}]", (table,))
            for key, value in content.items():
                self.text += "\n"
                self.write(f"{quoted(key)} = ", (table, key))
                self.write_value(value, (table, key))

    def write(self, text: str, path: tuple) -> None:
        self.text += text
        self.lines[path] = self.text.count("\n") + 1

    def write_value(self, value, path: tuple) -> None:
        if isinstance(value, list):
            self.text += "["
            for index, item in enumerate(value):
                self.write("\n  ", (*path, index))
                self.write_value(item, (*path, index))
                self.text += ", # ]\n"
            self.text += "]"
        elif isinstance(value, dict):
            self.text += "{"
            for number, (key, item) in enumerate(value.items()):
                self.write(f"{', ' if number else ''}{quoted(key)} = ", (*path, key))
                self.write_value(item, (*path, key))
            self.text += "}"
        else:
            self.text += quoted(value) if isinstance(value, str) else str(value).lower()


@given(st.dictionaries(names, st.dictionaries(names, values, max_size=3), max_size=3))
def test_whatever_is_written_is_found_on_its_line(data) -> None:
    pen = Pen(data)
    assert tomllib.loads(pen.text) == data
    assert locate(pen.text) == pen.lines
