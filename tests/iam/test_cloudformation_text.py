"""What is written as YAML is read back as it was, whatever is in it."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from stacks import read
from tidewaiter.iam.cloudformation_text import Intrinsic, Noted, Value, text_of
from tidewaiter.iam.comments import WIDTH, comment

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["", "yes", "2012-10-17", "1e3", "0x10", "~", "- a", "a: b", "a #b", "!Ref x", "&a", "*", "'", '"']
    ),
)
SCALARS: st.SearchStrategy[Value] = st.one_of(TEXTS, st.integers(), st.booleans())


def _nested(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    lists = st.lists(inner, min_size=1, max_size=3)
    mappings = st.dictionaries(TEXTS, inner, min_size=1, max_size=3)
    return st.one_of(lists, mappings, st.builds(Noted, TEXTS, inner))


TREES = st.recursive(SCALARS, _nested, max_leaves=12)


def plain(value: Value) -> object:
    """The value without its comments."""
    match value:
        case Noted():
            return plain(value.value)
        case str() | int():
            return value
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case _:
            raise AssertionError(f"{value} is not part of these trees")


@given(st.dictionaries(TEXTS, TREES, min_size=1, max_size=3))
def test_any_tree_is_read_back_as_it_was(tree: dict[str, Value]) -> None:
    assert yaml.safe_load(text_of(tree)) == plain(tree)


@given(TEXTS)
def test_an_argument_of_a_function_is_read_back_as_it_was(text: str) -> None:
    assert read(text_of({"key": Intrinsic("Sub", text)})) == {"key": {"Fn::Sub": text}}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_comment_is_nothing_but_lines_of_comment(text: str) -> None:
    lines = list(comment(text))
    assert all(line.startswith("#") and line.isprintable() for line in lines)
    assert yaml.safe_load("\n".join([*lines, "a: 1"])) == {"a": 1}


def test_comments_are_wrapped_but_for_what_is_to_be_copied() -> None:
    words, command = "word " * 40, f"  aws {'--option ' * 20}--end"
    *wrapped, copied = comment(f"{words}\n{command}")
    assert len(wrapped) > 1
    assert max(map(len, wrapped)) <= WIDTH
    assert copied == f"# {command}"


def test_a_template_is_laid_out_as_people_do_it() -> None:
    statement = Noted("to find all", {"Sid": "List", "Action": ["a:B", "a:C"], "Resource": Intrinsic("Ref", "X")})
    tree: dict[str, Value] = {
        "Version": "2010-09-09",
        "Parameters": {"One": {"Type": "String"}, "Two": {"Type": "String", "NoEcho": True}},
        "Resources": {"Role": {"Statement": [statement]}},
    }
    assert text_of(tree) == (
        "Version: '2010-09-09'\n\n"
        "Parameters:\n  One:\n    Type: String\n\n  Two:\n    Type: String\n    NoEcho: true\n\n"
        "Resources:\n  Role:\n    Statement:\n      # to find all\n"
        "      - Sid: List\n        Action:\n          - a:B\n          - a:C\n        Resource: !Ref X\n"
    )
