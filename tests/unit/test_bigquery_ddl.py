import pytest

from weir.infra.bigquery import TABLES, VIEWS, columns, statement, statements
from weir.transforms.records import DEAD_LETTER, DEFERRAL, SCREENING, THRESHOLD, VERDICT


@pytest.mark.parametrize(
    ("table", "schema"),
    [
        ("screenings", SCREENING),
        ("shadow_screenings", SCREENING),
        ("verdicts", VERDICT),
        ("deferrals", DEFERRAL),
        ("thresholds", THRESHOLD),
        ("dead_letters", DEAD_LETTER),
    ],
)
def test_a_table_has_the_columns_of_its_record_in_their_order(table, schema):
    assert [column.name for column in columns(table)] == schema.names


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_is_described(table):
    ddl = statement(table, "p.d")
    assert ddl.count("OPTIONS (description") == len(columns(table)) + 1


@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_no_placeholder_is_left(name):
    assert "{" not in statement(name, "my-project.weir")
    assert "`my-project.weir." in statement(name, "my-project.weir")


def test_tables_come_before_the_views_that_read_them():
    first = [each.split("`")[1].rsplit(".", 1)[1] for each in statements("p.d")]
    assert tuple(first) == (*TABLES, *VIEWS)


@pytest.mark.parametrize("dataset", ["p.d`; DROP TABLE x", "weir", "p.d\n", "p.d.e", "P.d", "p. d"])
def test_a_dataset_that_is_not_a_plain_name_is_refused(dataset):
    with pytest.raises(ValueError, match="not the name of a BigQuery dataset"):
        statements(dataset)
