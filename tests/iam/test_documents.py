"""Documents are written as IAM reads them."""

import json

from tidewaiter.iam.documents import Condition, Document, Principal, Statement


def test_one_value_stands_alone_and_several_in_a_list() -> None:
    statement = Statement(sid="Read", actions=("ecr:BatchGetImage",), resources=("a", "b"), why="to read")
    assert statement.written() == {
        "Sid": "Read",
        "Effect": "Allow",
        "Action": "ecr:BatchGetImage",
        "Resource": ["a", "b"],
    }


def test_conditions_of_one_operator_stand_together() -> None:
    conditions = (
        Condition(operator="StringEquals", key="x:aud", values=("one",)),
        Condition(operator="ArnLike", key="aws:SourceArn", values=("arn",)),
        Condition(operator="StringEquals", key="x:sub", values=("two", "three")),
    )
    principal = Principal(kind="Federated", names=("p",))
    statement = Statement(sid="", actions=("sts:AssumeRole",), principal=principal, conditions=conditions)
    assert statement.written() == {
        "Effect": "Allow",
        "Principal": {"Federated": "p"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"x:aud": "one", "x:sub": ["two", "three"]},
            "ArnLike": {"aws:SourceArn": "arn"},
        },
    }


def test_the_text_is_json_with_the_keys_in_the_order_that_people_expect() -> None:
    document = Document(statements=(Statement(sid="A", actions=("x:Y",), resources=("*",)),))
    assert list(json.loads(document.text())) == ["Version", "Statement"]
    assert list(json.loads(document.text())["Statement"][0]) == ["Sid", "Effect", "Action", "Resource"]


def test_values_of_conditions_stand_in_no_representation() -> None:
    secret = Condition(operator="StringEquals", key="sts:ExternalId", values=("between-us",))
    assert "between-us" not in repr(secret)
