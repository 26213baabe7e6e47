"""``make artefacts``: writes what is made of the options and the numbers anew."""

from weir.pipelines.artefacts import dashboard, values_schema

if __name__ == "__main__":
    file = values_schema.FILE
    file.write_text(values_schema.values_schema(file.read_text("utf-8")), "utf-8")
    dashboard.FILE.write_text(dashboard.dashboard(), "utf-8")
