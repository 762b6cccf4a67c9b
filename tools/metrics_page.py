"""Print docs/metrics.md from the metrics of observability/metrics.py: python tools/metrics_page.py > docs/metrics.md"""

from observability.metrics import EVERY, SERVICES, families

HEAD = """\
# Metrics

Each program shows its metrics in Prometheus's text format at `/metrics`, on the port of its probes
([monitoring](monitoring.md)). This page is made of `observability/metrics.py`. `deploy/prometheus/shouwang.rules.yml`
has the alerting rules, `deploy/grafana/shouwang.json` a dashboard; both use these names alone. Besides these each
program shows `process_…` and `python_info` of the client library."""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for service in (EVERY, *SERVICES):
        rows = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
        for family in families(service):
            labels = ", ".join(f"`{label}`" for label in family.labels)
            rows.append(f"| `{family.name}` | {family.kind} | {labels} | {family.meaning} |")
        parts += [f"## {'Of every program' if service == EVERY else service}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")
