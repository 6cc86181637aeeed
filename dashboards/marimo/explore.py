"""A marimo notebook on the published file: brush a chart and the others follow; the dashboard's questions.

marimo run explore.py -- --home ./sentry-data
"""

import marimo

app = marimo.App(width="full", app_title="Explore Sentry")


@app.cell
def _():
    import os
    from pathlib import Path

    import duckdb
    import marimo as mo
    from mosaic_widget import MosaicWidget

    return MosaicWidget, Path, duckdb, mo, os


@app.cell
def _(Path, duckdb, mo, os):
    home = mo.cli_args().get("home") or os.environ.get("SENTRY_WAREHOUSE_HOME", "sentry-data")
    file = Path(str(home), "published", "sentry.duckdb")
    questions = Path(mo.notebook_dir() or ".").parent / "sql"

    def ask(sql):
        # opened for each question, by its real path: so a newly published file is noticed
        with duckdb.connect(str(file.resolve()), read_only=True) as connection:
            return connection.sql(sql).pl()

    mo.stop(not file.exists(), mo.md(f"Nothing is published at `{file}` yet: run `sentry-warehouse export`."))
    return ask, file, questions


@app.cell
def _(ask, mo):
    (as_of,) = ask("select max(as_of) as as_of from meta.runs")["as_of"]
    tables = ask("select table_name from marts.freshness where status in ('stale', 'never') order by 1")
    late = tables["table_name"]
    mo.md(
        f"""
        # Explore Sentry

        Data up to **{as_of:%d %B %Y, %H:%M} UTC**{"; not fresh: " + ", ".join(late) if len(late) else ""}.
        Drag over days or hours, click projects or environments: the other charts follow.
        """
    )
    return


@app.cell
def _(MosaicWidget, duckdb, file, mo):
    memory = duckdb.connect()
    memory.execute(f"attach '{file.resolve()}' as published (read_only)")
    memory.execute(
        "create table errors as "
        "select day::timestamp as day, project_slug, environment, weekday, hour, event_count "
        "from published.marts.errors_by_hour"
    )
    memory.execute("detach published")
    colour = "#5746c2"
    errors = {"from": "errors", "filterBy": "$brush"}

    def bars(column, height, limit=12):
        return {
            "plot": [
                {
                    "mark": "barX",
                    "data": errors,
                    "x": {"sum": "event_count"},
                    "y": column,
                    "fill": colour,
                    "sort": {"y": "-x", "limit": limit},
                },
                {"select": "toggleY", "as": "$brush"},
            ],
            "xLabel": "error events",
            "yLabel": None,
            "marginLeft": 130,
            "width": 420,
            "height": height,
        }

    def histogram(column, width, **bins):
        return {
            "plot": [
                {
                    "mark": "rectY",
                    "data": errors,
                    "x": {"bin": column, **bins},
                    "y": {"sum": "event_count"},
                    "fill": colour,
                    "inset": 0.5,
                },
                {"select": "intervalX", "as": "$brush"},
            ],
            "xDomain": "Fixed",
            "yLabel": "error events",
            "width": width,
            "height": 190,
        }

    widget = mo.ui.anywidget(
        MosaicWidget(
            {
                "params": {"brush": {"select": "crossfilter"}},
                "vconcat": [
                    histogram("day", 880, interval="day"),
                    {
                        "hconcat": [
                            bars("project_slug", 300),
                            {"vconcat": [histogram("hour", 440, step=1), bars("environment", 110)]},
                        ]
                    },
                ],
            },
            con=memory,
        )
    )
    widget
    return


@app.cell
def _(mo, questions):
    chosen = mo.ui.dropdown(
        options={path.stem.replace("_", " "): path for path in sorted(questions.glob("*.sql"))},
        value="top issues",
        label="The dashboard's questions",
    )
    chosen
    return (chosen,)


@app.cell
def _(ask, chosen, mo):
    sql = chosen.value.read_text("utf-8")
    mo.vstack([mo.ui.table(ask(sql), page_size=15), mo.accordion({"SQL": mo.md(f"```sql\n{sql}\n```")})])
    return


if __name__ == "__main__":
    app.run()
