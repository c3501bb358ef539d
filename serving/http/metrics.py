"""What an operator watches, for Prometheus: counts and times by route and status, never an id or a value of anybody."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The measures of one process, in a registry of their own."""

    def __init__(self, model_version: str, bundle_sha256: str) -> None:
        """Begin to count; the model in service is told as a label."""
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("lianxin_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram("lianxin_request_seconds", "Time to the answer.", ("route",), buckets=_SECONDS, registry=self._registry)
        self._scores = Counter("lianxin_scores", "Scores made, replays not counted.", registry=self._registry)
        self._disputes = Gauge("lianxin_disputes", "Disputes without a decision, all and overdue.", ("state",), registry=self._registry)
        of_decision = ("product", "outcome")
        self._decisions = Counter("lianxin_decisions", "Decisions recommended, replays not counted.", of_decision, registry=self._registry)
        self._steps = Counter("lianxin_decision_steps", "Steps taken on decisions.", ("act",), registry=self._registry)
        self._model = Gauge("lianxin_model", "The model in service.", ("version", "bundle"), registry=self._registry)
        self.model(model_version, bundle_sha256)

    def model(self, version: str, bundle_sha256: str) -> None:
        """Tell which model is in service from now on."""
        self._model.clear()
        self._model.labels(version, bundle_sha256[:12]).set(1)

    def request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count a request; what met no route is counted under ``none``, so that paths made up by callers add no series."""
        known = method if method in ("GET", "HEAD", "POST", "DELETE") else "other"
        self._requests.labels(known, route or "none", str(status)).inc()
        self._seconds.labels(route or "none").observe(seconds)

    def score(self) -> None:
        """Count a score."""
        self._scores.inc()

    def disputes(self, undecided: int, overdue: int) -> None:
        """Tell how many disputes are undecided, and of how many of them the day has passed."""
        self._disputes.labels("undecided").set(undecided)
        self._disputes.labels("overdue").set(overdue)

    def decision(self, product: str, outcome: str) -> None:
        """Count a decision."""
        self._decisions.labels(product, outcome).inc()

    def step(self, act: str) -> None:
        """Count a step on a decision."""
        self._steps.labels(act).inc()

    def text(self) -> bytes:
        """Return all measures in Prometheus' text format."""
        return generate_latest(self._registry)
