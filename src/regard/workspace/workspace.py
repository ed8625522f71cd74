"""Workspace: a folder, and the few verbs that most people need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast, overload

from regard import insight
from regard.config import Config
from regard.errors import ConfigError, UsageError, WorkspaceError
from regard.events.names import id_of
from regard.insight.answer import Answer
from regard.insight.batch import Batch
from regard.insight.history import Ask, Given
from regard.insight.intent import Intent
from regard.insight.ranker import Model
from regard.insight.shop import Shop
from regard.insight.similar import SimilarItems
from regard.insight.trends import NewItems, Trending
from regard.progress import Progress, Silent
from regard.sequences.log import Log
from regard.workspace import learning, oddities
from regard.workspace.answering import Answering, unproven
from regard.workspace.consent import meant, named
from regard.workspace.data import Data
from regard.workspace.erasing import Erasing
from regard.workspace.explained import Explained
from regard.workspace.learning import TrainReport
from regard.workspace.living import Living
from regard.workspace.looking import Looked
from regard.workspace.models import Models
from regard.workspace.profiled import Profiled
from regard.workspace.service import Promoting

if TYPE_CHECKING:
    from regard.evaluation.evaluate import Evaluation
    from regard.events.catalog import Ingest
    from regard.events.doctor import DoctorReport
    from regard.events.ingest import IngestReport
    from regard.events.mapping import Mapping as Columns
    from regard.events.store import Store

Stock = Mapping[str, float] | Sequence[str]
Events = Sequence[str | Mapping[str, object] | Given]


class Limits(TypedDict, total=False):
    """What can be said for many customers at once; explained at `Workspace.recommend`."""

    why: bool
    exclude: str | None
    filter: str | None
    stock: Stock | None
    allow: Sequence[str] | None
    deny: Sequence[str]
    model: str | None
    language: str | None


class Options(Limits, total=False):
    """What can be said with `Workspace.recommend`; explained there."""

    events: Events
    interests: Sequence[str]


def init(folder: str | Path, *, config: Config | None = None) -> Workspace:
    """Make a workspace: an empty store and a regard.toml to edit.

    Args:
        folder: made if need be; must not be a workspace already.
        config: settings; the defaults suit most shops.

    Raises:
        WorkspaceError: the folder is a workspace already, or cannot be made.

    >>> import tempfile
    >>> shop = init(Path(tempfile.mkdtemp()) / "shop")
    >>> shop.history()
    []
    """
    from regard.events.store import Store

    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        Store.create(path, config or Config())
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be made: {error.strerror}", hint="check the path and the rights") from None
    return open(path)


def open(folder: str | Path) -> Workspace:
    """Open a workspace.

    Args:
        folder: made by `init`.

    Raises:
        ConfigError: the folder is no workspace, or its regard.toml is wrong.
        WorkspaceError: its files are damaged.
    """
    from regard.events.store import Store

    path = Path(folder)
    if not path.is_dir():
        raise ConfigError(f"{path} is not a workspace: no such folder", hint=f"regard init {path}")
    return Workspace(path, Store.open(path))


class Workspace(Profiled, Explained, Living, Looked, Promoting, Erasing):
    """One shop: its events, its models, its answers. Get one from `regard.open`.

    >>> import tempfile, pyarrow
    >>> shop = init(Path(tempfile.mkdtemp()) / "shop")
    >>> events = pyarrow.table({
    ...     "customer": ["ann", "ann", "bob"], "item": ["lamp", "bulb", "lamp"], "behaviour": ["purchase"] * 3,
    ...     "time": ["2026-03-01", "2026-03-08", "2026-03-09"],
    ... })
    >>> shop.ingest(events).accepted
    3
    >>> answer = shop.recommend("bob", n=1)
    >>> answer.items[0].item, answer.fallback_level, answer.exclude
    ('bulb', 'counting', 'target')

    Args:
        folder: the workspace.
        store: its events.
        load: reads a model's folder; the runtime that needs no torch unless a test says otherwise.
    """

    def __init__(self, folder: Path, store: Store, load: Callable[[Path], Model] | None = None) -> None:
        self.folder = folder
        self.models = Models(folder)
        self.store = store
        self._data = Data(store)
        self._load = _knowing(load or _load, self._data)
        self._answering = Answering(self._data, self.models, self._load)

    def __repr__(self) -> str:
        return f"Workspace({str(self.folder)!r})"

    @property
    def config(self) -> Config:
        """The settings of regard.toml."""
        return self.store.config

    def ingest(
        self,
        *events: Any,
        items: Any = None,
        customers: Any = None,
        edges: Any = None,
        scores: Any = None,
        map: Mapping[str, str] | None = None,
        dry_run: bool = False,
        show: Callable[[Columns], None] | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Take events in, all or nothing.

        Args:
            events: files, globs, DataFrames or Arrow tables of events.
            items: file or table of the items. customers: likewise of the customers. edges: of who is linked with whom
                (customer, other, kind, weight). scores: of scores of customers from outside.
            map: field -> column, where the column is not recognised; see `regard ingest --help`.
            dry_run: look and report, write nothing.
            show: called with each file's mapping before anything is written.

        Raises:
            InputError: a file cannot be taken in at all; the store is unchanged.
            WorkspaceError: the disk is full, or another ingest is under way.
        """
        return self.store.ingest(
            list(events),
            overrides=dict(map or {}),
            items=items,
            customers=customers,
            edges=edges,
            scores=scores,
            dry_run=dry_run,
            show=show,
            progress=progress or Silent(),
        )

    def history(self) -> list[Ingest]:
        """All ingests, the first first, also those taken back."""
        return self.store.history()

    def undo(self, number: int) -> None:
        """Take ingest `number` back, as if it had never been."""
        self.store.undo(number)

    def doctor(self) -> DoctorReport:
        """What is odd in the events: every class of trouble with its share and examples."""
        return self.store.doctor()

    @property
    def target(self) -> tuple[str, ...]:
        """Behaviours that count as wanting an item: `targets` of regard.toml, or purchases, or the strongest seen."""
        return self._data.target(self.log())

    def log(self) -> Log:
        """Every event as arrays, memory-mapped: what models, counts and metrics read."""
        return self._data.log()

    def train(
        self,
        *,
        budget: str | float = 300,
        steps: int | None = None,
        seed: int = 0,
        resume: bool = True,
        device: str = "cpu",
        leave_out_anomalies: bool = False,
        progress: Progress | None = None,
    ) -> TrainReport:
        """Train a model on all events; it answers from then on, or waits as a candidate where one was promoted.

        Args:
            budget: wall time of everything, seconds or text such as '5m'.
            steps: train exactly so many steps instead; the same steps and seed give the same weights.
            seed: of the first weights and of every draw in training.
            resume: take up an interrupted training.
            device: where it runs, 'cpu', or 'cuda' for the first card.
            leave_out_anomalies: train without the customers whom `anomalies` flags, and find out what that changes, by two
                more trainings: the budget is shared, `steps` are those of each.

        Raises:
            UsageError: the budget, the steps or the seed is off, or there is no such device.
            MissingExtraError: PyTorch is not installed.
            InputError: there is too little to learn from.
            ModelError: the budget was too small to learn anything; an older model stays the current one.
        """
        return learning.train(
            self._data,
            self.models,
            budget=budget,
            steps=steps,
            seed=seed,
            resume=resume,
            device=device,
            leave_out_anomalies=leave_out_anomalies,
            load=self._load,
            progress=progress or Silent(),
        )

    def anomalies(
        self, customer: str | int | None = None, n: int = 20, *, language: str | None = None
    ) -> oddities.AnomalyReport:
        """Customers unlike the shop's own, days and columns unlike their past, and the events that show it.

        Args:
            customer: id; None = all.
            n: how many of the most unusual customers are told; of one, how many of the eight kinds.
            language: of the reasons; None = the workspace's.

        Raises:
            InputError: nobody has that id, or there are no events.
            ConsentError: the customer has not consented.
            UsageError: n is below one.
        """
        if customer is not None:
            customer = id_of(customer)
            self._data.must_consent([customer])
        said = language or self.config.language
        return oddities.report(self._data.anomalies(), customer, n, said)

    def evaluate(self, *, days: int = 30, mask: str | None = None, progress: Progress | None = None) -> Evaluation:
        """The current model's recipe against every baseline, on events that neither has seen.

        Args:
            days: length of the test period.
            mask: 'none', 'target' or 'seen': the recipe is fitted and asked under it; None = by the data.

        Raises:
            UsageError: no such mask, or the log has no more than `days` days.
            InputError: there is nobody to ask about.
            ModelError: nothing has been trained yet.
        """
        return learning.evaluate(
            self._data,
            self.models,
            days=days,
            mask=mask,
            cache=self.folder / "cache" / "evaluate",
            load=self._load,
            progress=progress or Silent(),
        )

    @overload  # a string is an iterable of strings, and is meant as one id
    def recommend(  # type: ignore[overload-overlap]
        self, customers: str | int | None = None, n: int = 10, **options: Unpack[Options]
    ) -> Answer: ...

    @overload
    def recommend(
        self, customers: Iterable[str | int | None], n: int = 10, **options: Unpack[Options]
    ) -> list[Answer]: ...

    def recommend(
        self,
        customers: str | int | Iterable[str | int | None] | None = None,
        n: int = 10,
        *,
        events: Events = (),
        interests: Sequence[str] = (),
        **limits: Unpack[Limits],
    ) -> Answer | list[Answer]:
        """What customers will want next, best first; the answer says where it comes from.

        Who has not consented gets what is popular and a note that says so: neither their events nor what the question
        tells of them is used.

        Args:
            customers: one id (an Answer comes back), many (a list), or None for an anonymous visitor.
            n: items per answer. why: name the events that speak for each item.
            events: what the customer did that is not in the store: item ids of an open basket, or mappings with item,
                behaviour and time.
            interests: of a new customer: item ids, values of item columns, 'column=value', words.
            exclude: own items that are no candidates: 'none', 'target', 'seen'; None = by the data.
            filter: condition on item columns, such as 'category = "lights" and price < 20'.
            stock: units by item, or the ids in stock. allow: only these items. deny: never these.
            model: id of a model; None = the newest good one. language: 'en' or 'zh', of reasons.

        Raises:
            UsageError: a word of the question is off; the hint says which.
            ModelError: the named model is missing or damaged.
        """
        one = customers is None or isinstance(customers, str | int)
        names = [customers] if one else list(customers)  # type: ignore[arg-type]
        if len(names) != 1 and (events or interests):
            raise UsageError("events and interests belong to one customer", hint="ask for one customer at a time")
        told, wished = insight.given(events), tuple(str(wish) for wish in interests)
        asks = [Ask(customer=None if name is None else id_of(name), events=told, interests=wished) for name in names]
        owners = self._data.owners(ask.customer for ask in asks if ask.customer is not None)
        shop, notes, asked = self._limited(**limits)
        found = insight.recommend(shop, meant(asks, owners), n=n, **asked)
        answers = [answer.noting(notes) for answer in named(found, asks, owners, shop.language)]
        return answers[0] if one else answers

    def recommend_all(
        self,
        path: str | Path,
        n: int = 10,
        *,
        progress: Progress | None = None,
        **limits: Unpack[Limits],
    ) -> Batch:
        """Everybody's recommendations into one Parquet file.

        Args:
            path: of the file. n: items per customer. limits: `why`, `exclude`, `filter`, `stock`, `allow`, `deny`,
                `model`, `language`, as in `recommend`.

        Raises:
            UsageError: the file's name does not end in .parquet.
            WorkspaceError: the file cannot be written.
        """
        if Path(path).suffix.lower() != ".parquet":
            better = Path(path).with_suffix(".parquet").name
            raise UsageError(f"{path} would be a Parquet file under another name", hint=f"name it {better}")
        shop, _, asked = self._limited(**limits)
        return insight.recommend_all(shop, Path(path), n=n, progress=progress, **asked)

    def _limited(
        self,
        *,
        why: bool = False,
        exclude: str | None = None,
        filter: str | None = None,
        stock: Stock | None = None,
        allow: Sequence[str] | None = None,
        deny: Sequence[str] = (),
        model: str | None = None,
        language: str | None = None,
    ) -> tuple[Shop, tuple[str, ...], dict[str, Any]]:
        """The shop, its notes, and what limits the answers."""
        shop, notes = self._answering.shop(model=model, language=language)
        allowed = insight.candidates(shop, filter=filter, stock=stock, allow=allow, deny=deny)
        return shop, notes, {"why": why, "exclude": exclude or "", "allowed": allowed}

    def similar(
        self, items: str | Sequence[str], n: int = 10, *, filter: str | None = None, model: str | None = None
    ) -> list[SimilarItems]:
        """Items like the given ones, by the model's vectors, shared customers and content; one answer per item."""
        shop, _ = self._answering.shop(model=model)
        asked = [items] if isinstance(items, str) else list(items)
        return insight.similar(shop, asked, n=n, allowed=insight.candidates(shop, filter=filter))

    def trending(self, n: int = 10, *, days: int = 7, filter: str | None = None) -> Trending:
        """Items that more customers want than before, beyond luck and beyond the shop's own growth."""
        shop = self._counted()
        return insight.trending(shop, n=n, days=days, allowed=insight.candidates(shop, filter=filter))

    def new(self, n: int = 10, *, days: int = 30, filter: str | None = None) -> NewItems:
        """Items that are new, most wanted first."""
        shop = self._counted()
        return insight.new(shop, n=n, days=days, allowed=insight.candidates(shop, filter=filter))

    def intent(
        self,
        customers: str | int | Iterable[str | int],
        *,
        days: Sequence[int] | None = None,
        of: str | None = None,
        model: str | None = None,
    ) -> list[Intent]:
        """How likely customers are to buy within each of `days` days (None = the workspace's horizons).

        Args:
            of: 'item:ID', 'category:NAME', 'brand:NAME' or 'word:NAME'; None = anything.

        Raises:
            ConsentError: one of them has not consented. UsageError: nothing is called as `of` says.
        """
        names = [customers] if isinstance(customers, str | int) else list(customers)
        self._data.must_consent(id_of(name) for name in names)
        shop, _ = self._answering.shop(model=model)
        version = shop.ranker.version if shop.ranker else None
        doubted = unproven(self.models.get(version)) if version else set()
        asks = [Ask(customer=id_of(name)) for name in names]
        return insight.intent(shop, asks, horizons=days or self.config.horizons, unproven=doubted, of=of)

    def report(self, language: str | None = None, *, progress: Progress | None = None) -> Path:
        """Write the report page: one HTML file that opens offline.

        Args:
            language: 'en' or 'zh'; None = the workspace's.

        Returns:
            The page's path.
        """
        from regard.workspace import reporting

        shop, notes = self._answering.shop(language=language)
        return reporting.write(self.store, self.models, shop, notes, progress or Silent())

    def _counted(self) -> Shop:
        shop, _ = self._answering.shop()
        return shop


def _knowing(load: Callable[[Path], Model], data: Data) -> Callable[[Path], Model]:
    """Models that are told what is known of customers beside their events, where they read it."""

    def loaded(folder: Path) -> Model:
        model: Any = load(folder)
        if hasattr(model, "about"):
            model.about = data.beside
        return cast("Model", model)

    return loaded


def _load(folder: Path) -> Model:
    from regard.model import runtime

    return runtime.load(folder)
