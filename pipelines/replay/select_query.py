"""The query of ``--select``: one that reads tables, and asks nothing else of BigQuery.

What is sent is written anew from what was parsed, so that nothing stands in it that a service would
read in another way than the parser here did.
"""

from typing import Any

from weir.pipelines.errors import OptionError

_ONLY = "--select is to hold one query that only reads: SELECT ..., or WITH ..."


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By the parser's names. Any other function may ask another database, a model or a user's own code.
_FUNCTIONS = _names(
    """
    ANY_VALUE APPROX_DISTINCT APPROX_QUANTILES ARRAY_AGG AVG COUNT COUNT_IF GROUP_CONCAT LOGICAL_AND
    LOGICAL_OR MAX MIN STDDEV SUM VARIANCE
    CUME_DIST DENSE_RANK FIRST_VALUE LAG LAST_VALUE LEAD NTILE PERCENT_RANK RANK ROW_NUMBER
    AND CASE CAST COALESCE COLLATE EXISTS GREATEST IF LEAST NULLIF OR TRY_CAST
    ABS CEIL EXP FLOOR IS_NAN LN POWER RAND ROUND SAFE_DIVIDE SIGN SQRT TRUNC
    FARM_FINGERPRINT LOWER_HEX MD5_DIGEST S_H_A1_DIGEST S_H_A2_DIGEST
    BYTE_LENGTH CONCAT CONTAINS ENDS_WITH FORMAT LEFT LENGTH LOWER NORMALIZE PAD REGEXP_EXTRACT
    REGEXP_LIKE REGEXP_REPLACE REPEAT REPLACE REVERSE RIGHT SAFE_FUNC SPLIT STARTS_WITH STR_POSITION
    SUBSTRING TRIM UPPER
    CURRENT_DATE CURRENT_DATETIME CURRENT_TIMESTAMP DATE DATEDIFF DATETIME_ADD DATETIME_DIFF
    DATETIME_SUB DATETIME_TRUNC DATE_ADD DATE_SUB DATE_TRUNC EXTRACT LAST_DAY STR_TO_DATE
    STR_TO_TIME TIMESTAMP TIMESTAMPDIFF TIMESTAMP_ADD TIMESTAMP_SUB TIMESTAMP_TRUNC TIME_TO_STR
    TS_OR_DS_TO_DATE TS_OR_DS_TO_DATETIME TS_OR_DS_TO_TIME TS_OR_DS_TO_TIMESTAMP UNIX_MICROS
    UNIX_MILLIS UNIX_SECONDS UNIX_TO_TIME
    ARRAY ARRAY_CONCAT ARRAY_REVERSE ARRAY_SIZE ARRAY_TO_STRING GENERATE_DATE_ARRAY GENERATE_SERIES
    JSON_EXTRACT JSON_EXTRACT_ARRAY JSON_EXTRACT_SCALAR JSON_FORMAT J_S_O_N_VALUE_ARRAY PARSE_JSON
    STRUCT UNNEST
    """
)


def reading(sql: str) -> str:
    """Return a query as it was understood; OptionError unless it is one that only reads tables."""
    import sqlglot  # half a second; no other command needs it
    from sqlglot import errors, expressions

    try:
        found = [each for each in sqlglot.parse(sql, read="bigquery") if each is not None]
    except (errors.SqlglotError, RecursionError) as error:
        raise OptionError(f"{_ONLY} What is there is not SQL as BigQuery knows it.") from error
    if len(found) != 1 or not isinstance(found[0], expressions.Query):
        raise OptionError(_ONLY)
    writing = (expressions.DML, expressions.DDL, expressions.Into, expressions.Command)
    for each in found[0].walk():
        if isinstance(each, writing):
            raise OptionError(_ONLY)
        if isinstance(each, expressions.Func) and not _is_known(each):
            raise OptionError(
                f"{_ONLY} This one calls {_name(each)}, which is none of the functions that are "
                "sure to ask nothing but this project's tables: save what it returns as a table, "
                "and select from that."
            )
    return found[0].sql(dialect="bigquery", comments=False)


def _is_known(function: Any) -> bool:
    """Return whether a function is BigQuery's own and needs nothing but its arguments."""
    from sqlglot import expressions

    # With a dataset before it, or in the place of a table, a name is somebody's own.
    owned = isinstance(function.parent, expressions.Dot | expressions.Table)
    return not owned and function.sql_name() in _FUNCTIONS


def _name(function: Any) -> str:
    from sqlglot import expressions

    own = isinstance(function, expressions.Anonymous)
    return str(function.name if own else function.sql_name())
