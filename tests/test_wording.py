from tidegate.wording import counted


def test_one_has_no_plural() -> None:
    assert [counted(number, "second") for number in (0, 1, 1.0, 2, 0.5, 1200)] == [
        "0 seconds",
        "1 second",
        "1 second",
        "2 seconds",
        "0.5 seconds",
        "1,200 seconds",
    ]
