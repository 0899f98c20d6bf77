import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.predictor.decoding import MAX_INTEGER, Decoder, cell_fits
from serinus.predictor.errors import InputRejected
from serinus.predictor.frames import input_builder
from serinus.predictor.schema import Column

COLUMNS = [
    Column("temp", "double", True),
    Column("wind", "double", False),
    Column("hour", "integer", False),
    Column("gust", "integer", True),
    Column("origin", "string", False),
    Column("gate", "string", True),
    Column("weekend", "boolean", False),
    Column("note", "any", True),
]
GOOD = [1.5, 2, 3, None, "JFK", None, True, "x"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.integers(-9, 9), st.floats(), st.just(10**400),
    st.text(max_size=3), st.just([]), st.just({}),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), VALUES), max_size=2), st.booleans())
def test_the_fast_check_of_columns_agrees_with_the_check_of_every_cell(changes, by_name):
    row = list(GOOD)
    for index, value in changes:
        row[index] = value
    fits = all(cell_fits(column, value) for column, value in zip(COLUMNS, row, strict=True))
    names = [column.name for column in COLUMNS]
    rows = [dict(zip(names, r, strict=True)) if by_name else r for r in (GOOD, row)]
    if fits:
        assert Decoder(COLUMNS).rows(rows).rows == 2
    else:
        with pytest.raises(InputRejected, match="row 1, column"):
            Decoder(COLUMNS).rows(rows)


def test_a_frame_has_the_types_that_training_had():
    batch = Decoder(COLUMNS).rows([GOOD, GOOD])
    frame = input_builder(COLUMNS, named=True)(batch)
    assert list(frame.columns) == [column.name for column in COLUMNS]
    kinds = ["float64", "float64", "int64", "float64", "object", "object", "bool", "object"]
    assert [str(dtype) for dtype in frame.dtypes] == kinds
    assert frame["gust"].isna().all()
    assert all(isinstance(value, float) for value in frame["gate"])


def test_a_model_of_numbers_gets_its_rows_as_they_were_sent():
    columns = [Column("a", "double", False), Column("b", "double", False)]
    batch = Decoder(columns).rows([[1, 2], [3, 4], [5, 6]])
    assert input_builder(columns, named=False)(batch).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert input_builder(columns, named=True)(batch).to_numpy().tolist() == [[1, 2], [3, 4], [5, 6]]


def test_whole_numbers_may_be_written_as_floats_up_to_two_to_the_53():
    columns = [Column("id", "integer", False)]
    frame = input_builder(columns, named=True)(Decoder(columns).rows([[MAX_INTEGER], [3.0], [-MAX_INTEGER]]))
    assert frame["id"].tolist() == [MAX_INTEGER, 3, -MAX_INTEGER]
    with pytest.raises(InputRejected, match="row 0"):
        Decoder(columns).rows([[MAX_INTEGER + 2]])


def test_long_values_are_cut_in_the_sentence():
    with pytest.raises(InputRejected) as rejected:
        Decoder([Column("a", "double", False)]).rows([["x" * 5000]])
    assert len(str(rejected.value)) < 200


def test_a_column_of_unknown_type_takes_any_scalar():
    columns = [Column("a", "any", True)]
    build = input_builder(columns, named=True)
    assert build(Decoder(columns).rows([[1.5], [None]]))["a"].dtype == np.float64
    with pytest.raises(InputRejected, match="got an object"):
        Decoder(columns).rows([[{}]])
