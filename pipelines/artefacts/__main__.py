"""``make help-texts``: writes what is made of the options and the numbers anew."""

from weir.pipelines.artefacts import dashboard, flex_template, values_schema
from weir.pipelines.commands.help_texts import DOCS
from weir.pipelines.dead_letter_advice import with_reasons

if __name__ == "__main__":
    file = values_schema.FILE
    file.write_text(values_schema.values_schema(file.read_text("utf-8")), "utf-8")
    dashboard.FILE.write_text(dashboard.dashboard(), "utf-8")
    flex_template.FILE.write_text(flex_template.metadata(), "utf-8")
    document = DOCS / "dead-letters.md"
    document.write_text(with_reasons(document.read_text("utf-8")), "utf-8")
