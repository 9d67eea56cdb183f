"""`Client` and `AsyncClient`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack

from meta_ai_orchestrator._client.actions import Emits, Response, Steps
from meta_ai_orchestrator._client.calls import JSON, Call, encoded
from meta_ai_orchestrator._client.core import Core, Options, RequestHook, ResponseHook
from meta_ai_orchestrator._client.endpoints import Async, Endpoint, Listed, Mode, Resource, Sync
from meta_ai_orchestrator._client.errors import UsageError
from meta_ai_orchestrator._client.resources.catalog import Adapters, Config, Connectors, Models
from meta_ai_orchestrator._client.resources.documents import Documents
from meta_ai_orchestrator._client.resources.keys import Keys
from meta_ai_orchestrator._client.resources.money import Budgets, Prices, Spend
from meta_ai_orchestrator._client.resources.operations import Audit, DeadLetters, FeedbackOf, Metrics
from meta_ai_orchestrator._client.resources.sources import Sources
from meta_ai_orchestrator._client.resources.tasks import Results, Runs, TaskOptions, Tasks, submission
from meta_ai_orchestrator._client.resources.workflows import Workflows
from meta_ai_orchestrator._client.task_streams import TaskStream
from meta_ai_orchestrator._client.task_waits import run_to_end
from meta_ai_orchestrator.types import Result, ResultChunk

if TYPE_CHECKING:
    import httpx2


class ClientOptions(TypedDict, total=False):
    """What a client may be made with."""

    api_key: str | Callable[[], str] | None
    base_url: str | None
    timeout: float
    max_retries: int
    headers: Mapping[str, str]
    on_request: RequestHook | None
    on_response: ResponseHook | None


class Api(Resource[Mode]):
    """All parts of the API."""

    def __init__(self, core: Core, mode: Mode) -> None:
        super().__init__(core, mode)
        self.adapters = Adapters(core, mode)
        self.audit = Audit(core, mode)
        self.budgets = Budgets(core, mode)
        self.config = Config(core, mode)
        self.connectors = Connectors(core, mode)
        self.dead_letters = DeadLetters(core, mode)
        self.documents = Documents(core, mode)
        self.feedback = FeedbackOf(core, mode)
        self.keys = Keys(core, mode)
        self.metrics = Metrics(core, mode)
        self.models = Models(core, mode)
        self.prices = Prices(core, mode)
        self.results = Results(core, mode)
        self.runs = Runs(core, mode)
        self.sources = Sources(core, mode)
        self.spend = Spend(core, mode)
        self.tasks = Tasks(core, mode)
        self.workflows = Workflows(core, mode)

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """Return a client with some options changed, which shares the connections of this one."""
        made = type(self).__new__(type(self))
        Api.__init__(made, Core(_options(changes, self._core.options)), self._mode)
        return made

    @Endpoint
    def run_workflow(
        self,
        workflow: str,
        inputs: Mapping[str, Any],
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> Steps[Result]:
        """Run a workflow, and return its result: `["answer"]` is the answer.

        It waits for as long as it takes, or for `timeout` seconds, also while gateways restart. The run goes on when
        the program ends; with the same `idempotency_key`, another call waits for the same run.

        Raises:
            TaskFailedError: the run has failed, or somebody has cancelled it.
            WaitTimeoutError: there is no result in time.
        """
        return run_to_end(
            self._core, lambda wait: submission(workflow, inputs, idempotency_key, options, wait), timeout
        )

    @Listed
    def stream_workflow(
        self,
        workflow: str,
        inputs: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> Emits[ResultChunk | Result]:
        """Run a workflow, and follow its answer while it is made: its pieces, and then its `Result`."""
        task = yield from self._core.call(submission(workflow, inputs, idempotency_key, options))
        yield from TaskStream(self._core, task.id, is_new=True).items()

    @Endpoint
    def request(
        self,
        method: Literal["GET", "POST", "DELETE"],
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Call[Response]:
        """Send any request, such as `client.request("GET", "/v1/health")`, and return the raw response.

        A `POST` is sent again after a connection broke only if it has an `Idempotency-Key`.
        """
        content = None if json is None else encoded(json)
        named = {name.lower(): value for name, value in (headers or {}).items()}
        is_repeatable = method != "POST" or "idempotency-key" in named
        return Call(_itself, method, path, query or {}, content, JSON, named, is_repeatable)


class Client(Api[Sync]):
    """A client of the gateway's HTTP API, which threads may share.

    `api_key` is a key, or a function that returns a token that is still valid (default: `META_AI_API_KEY`); `base_url`
    is where the gateway is (default: `META_AI_BASE_URL`, or `http://127.0.0.1:8089/v1`). `timeout` is how many seconds
    an attempt may bring nothing, and `max_retries` how often a request that fails is sent again. `headers` are added to
    all requests. `on_request` sees each attempt before it is sent, and `on_response` what came. `http_client` is an
    `httpx2.Client` of your own, for proxies, certificates and connection pools; you close it yourself.
    """

    def __init__(self, *, http_client: httpx2.Client | None = None, **options: Unpack[ClientOptions]) -> None:
        import httpx2  # noqa: PLC0415  # it takes a tenth of a second to load

        if http_client is not None and not isinstance(http_client, httpx2.Client):
            raise UsageError("http_client must be an httpx2.Client; AsyncClient takes an httpx2.AsyncClient")
        core = Core(_options(options))
        super().__init__(core, Sync(http_client or httpx2.Client(), owns=http_client is None))

    def close(self) -> None:
        """Close the connections, those of clients `with_options` too."""
        self._mode.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Api[Async]):
    """The twin of `Client`, whose methods are awaited; `http_client` is an `httpx2.AsyncClient`."""

    def __init__(self, *, http_client: httpx2.AsyncClient | None = None, **options: Unpack[ClientOptions]) -> None:
        import httpx2  # noqa: PLC0415  # it takes a tenth of a second to load

        if http_client is not None and not isinstance(http_client, httpx2.AsyncClient):
            raise UsageError("http_client must be an httpx2.AsyncClient; Client takes an httpx2.Client")
        core = Core(_options(options))
        super().__init__(core, Async(http_client or httpx2.AsyncClient(), owns=http_client is None))

    async def close(self) -> None:
        """Close the connections, those of clients `with_options` too."""
        await self._mode.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _options(given: ClientOptions, base: Options | None = None) -> Options:
    """Return the options that are given, and for the others those of `base`, or else the defaults.

    Raises:
        UsageError: there is no such option.
    """
    known = [one.name for one in fields(Options)]
    if unknown := sorted(given.keys() - set(known)):
        raise UsageError(f"no option is called {unknown[0]}; there are {', '.join(known)} and http_client")
    return replace(base or Options(), **given)


def _itself(response: Response) -> Response:
    return response
