"""Reads the data sets of DCAT-AP in RDF: Turtle, RDF/XML or JSON-LD, also of CKAN, udata and GeoNetwork.

https://semiceu.github.io/DCAT-AP/releases/3.0.0/. A file is parsed twice, as a stream: first for which resources are data sets,
then for what is said of them, so that the graph is never in memory as a whole.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from xml.parsers.expat import ErrorString, ExpatError, ParserCreate

import httpx
from babel.core import get_global
from pyoxigraph import Literal, NamedNode, RdfFormat, parse

from exporter.catalogue.dataset import Dataset, dataset, file_path, is_host, last_part
from exporter.catalogue.fetch import Answer, Fetcher, next_page
from exporter.errors import InputError

DCAT = 'http://www.w3.org/ns/dcat#'
DATASETS = {f'{DCAT}Dataset', f'{DCAT}DatasetSeries'}
TERMS = 'http://purl.org/dc/terms/'
TYPE = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#type'
NEXT = {f'http://www.w3.org/ns/hydra/core#{name}' for name in ('next', 'nextPage')}
AGENT_NAMES = {'http://xmlns.com/foaf/0.1/name', 'http://www.w3.org/2004/02/skos/core#prefLabel'}
AGENT_NAMES |= {'http://www.w3.org/2006/vcard/ns#fn', 'http://www.w3.org/2000/01/rdf-schema#label'}
STATUS = 'http://www.w3.org/ns/adms#status'
ARCHIVED = ('WITHDRAWN', 'DEPRECATED', 'DISCONT')  # ends a status of adms or of the EU vocabulary of data set statuses
IDENTIFIER = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24}')  # of a resource in CKAN or udata
DEEPEST = 100  # levels of elements


@dataclass(slots=True)
class Draft:
    """What was read of a data set."""

    identifiers: list[str] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)  # by language
    publisher: str = ''
    theme: str = ''
    issued: str = ''
    created: str = ''
    pages: list[str] = field(default_factory=list)
    distributions: list[str] = field(default_factory=list)
    archived: bool = False


@dataclass
class Index:
    """What the first pass finds."""

    datasets: dict[str, Draft] = field(default_factory=dict)
    catalogues: set[str] = field(default_factory=set)
    languages: dict[str, str] = field(default_factory=dict)
    next: str = ''


def pages(first: Answer, form: RdfFormat, hosts: Collection[str], fetcher: Fetcher) -> Iterator[Dataset]:
    """Yields the data sets of an answer and of those that its Hydra links name. Raises InputError if one is invalid."""
    answer, seen = first, set[str]()
    while True:
        fresh = False
        for item in read(answer, form, hosts, found := Index()):
            fresh = fresh or item.id not in seen
            seen.add(item.id)
            yield item
        if not found.next:
            return
        if not first.url:
            raise InputError(f'{answer.shown}: one page of several', 'name the address of the catalogue')
        if not fresh:
            raise InputError(f'{answer.shown}: the pages lead in a circle', 'look at the address in a browser, and try again')
        answer = fetcher.get(next_page(httpx.URL(first.url), found.next))


def read(answer: Answer, form: RdfFormat, hosts: Collection[str], index: Index) -> Iterator[Dataset]:
    """Yields the data sets of one answer; `index` also receives the link to the next page. Raises InputError if it is invalid."""
    if form == RdfFormat.RDF_XML:
        _check_xml(answer)
    elif not answer.is_whole:
        raise InputError(f'{answer.shown}: the answer has no length, so one that breaks off looks whole', 'name a file')
    has_datasets = False
    for subject, predicate, value in _statements(answer, form):
        if predicate == TYPE:
            if value.value in DATASETS:
                has_datasets = True
                if not subject.startswith('_:'):
                    index.datasets[subject] = Draft()
            elif value.value == f'{DCAT}Catalog':
                index.catalogues.add(subject)
        elif predicate == f'{TERMS}language':
            index.languages.setdefault(subject, _language(value.value))
        elif predicate in NEXT:
            index.next = value.value
    if not has_datasets and not index.next:
        raise InputError(f'{answer.shown}: there is no dcat:Dataset in it', 'name a catalogue in DCAT-AP')
    labels, files = dict[str, dict[str, str]](), dict[str, list[str]]()
    for subject, predicate, value in _statements(answer, form):
        if predicate == TYPE and subject.startswith('_:') and value.value in DATASETS:
            index.datasets[subject] = Draft()  # each pass gives blank nodes new names
        elif draft := index.datasets.get(subject):
            if add := PREDICATES.get(predicate):
                add(draft, value)
        elif predicate in AGENT_NAMES:
            if isinstance(value, Literal):
                labels.setdefault(subject, {}).setdefault(value.language or '', value.value)
        elif predicate == f'{DCAT}downloadURL' and (path := file_path(value.value, hosts)):
            files.setdefault(subject, []).append(path)
    languages = {index.languages[one] for one in index.catalogues if one in index.languages}
    own = min(languages) if languages else ''

    def label(node: str) -> str:
        if not node or node.startswith('"'):
            return node[1:]
        return _in_language(labels[node], own) if node in labels else '' if node.startswith('_:') else last_part(node)

    for subject, draft in index.datasets.items():
        part = '' if subject.startswith('_:') else last_part(subject)
        names = [*draft.identifiers, *map(last_part, draft.identifiers), part]
        names += [last_part(page) for page in draft.pages if _on_hosts(page, hosts)]
        names += [last for one in draft.distributions if IDENTIFIER.fullmatch(last := last_part(one))]
        names += [path for one in draft.distributions for path in files.get(one, ())]
        yield dataset(
            draft.identifiers[0] if draft.identifiers else part,
            names,
            _in_language(draft.titles, own),
            label(draft.publisher),
            label(draft.theme),
            draft.issued or draft.created,
            draft.archived,
        )


Value = NamedNode | Literal


def _reference(value: Value) -> str:
    """A resource, or a literal with a quote before it."""
    return f'"{value.value}' if isinstance(value, Literal) else _name(value)


def _name(node: object) -> str:
    return node.value if isinstance(node, NamedNode) else str(node)


def _first(attribute: str) -> Callable[[Draft, Value], None]:
    def add(draft: Draft, value: Value) -> None:
        if not getattr(draft, attribute):
            setattr(draft, attribute, _reference(value))

    return add


def _date(attribute: str) -> Callable[[Draft, Value], None]:
    def add(draft: Draft, value: Value) -> None:
        setattr(draft, attribute, min(value.value, getattr(draft, attribute) or value.value))

    return add


def _title(draft: Draft, value: Value) -> None:
    if isinstance(value, Literal):
        draft.titles.setdefault((value.language or '').lower(), value.value)


def _status(draft: Draft, value: Value) -> None:
    draft.archived = draft.archived or value.value.upper().endswith(ARCHIVED)


PREDICATES: dict[str, Callable[[Draft, Value], None]] = {
    f'{TERMS}identifier': lambda draft, value: draft.identifiers.append(value.value),
    f'{TERMS}title': _title,
    f'{TERMS}publisher': _first('publisher'),
    f'{DCAT}theme': _first('theme'),
    f'{TERMS}issued': _date('issued'),
    f'{TERMS}created': _date('created'),
    f'{DCAT}landingPage': lambda draft, value: draft.pages.append(value.value),
    f'{DCAT}distribution': lambda draft, value: draft.distributions.append(_name(value)),
    STATUS: _status,
}


def _statements(answer: Answer, form: RdfFormat) -> Iterator[tuple[str, str, Value]]:
    """Yields subject, predicate and object of each statement. Raises InputError for a mistake, with its line if it is known."""
    base = answer.url or 'file:///catalogue'
    try:
        for statement in parse(path=str(answer.path), format=form, base_iri=base):
            yield _name(statement.subject), statement.predicate.value, statement.object
    except MemoryError:
        raise InputError(f'{answer.shown}: a text in it is longer than 16 MB', 'shorten it in the catalogue') from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, 'lineno', None)
        where = f'{answer.shown}: line {line}' if line else answer.shown
        reason = re.sub(r'^Parser error (?:at|between) .*?: ', '', str(getattr(error, 'msg', error)))[:200]
        if 'LoadDocumentCallback' in reason:
            raise InputError(
                f'{where}: the JSON-LD names its context by an address, which is not fetched',
                'name the catalogue in Turtle or RDF/XML',
            ) from None
        raise InputError(f'{where} is invalid ({reason})', 'fix the catalogue, or fetch it again if it was cut off') from None


def _check_xml(answer: Answer) -> None:
    """Raises InputError for XML with entities, which could fill the memory or name files, or that is nested too deeply."""
    depth = 0

    def begin(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise InputError(f'{answer.shown}: the XML is nested too deeply', 'name a catalogue in DCAT-AP')

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise InputError(f'{answer.shown}: the XML defines entities, which are not read', 'export it without a DTD')

    parser = ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = begin, end, refuse
    try:
        with answer.path.open('rb') as file:
            parser.ParseFile(file)
    except ExpatError as error:
        line = f'{answer.shown}: line {error.lineno}'
        raise InputError(
            f'{line} is invalid ({ErrorString(error.code)})', 'fix the catalogue, or fetch it again if it was cut off'
        ) from None


def _in_language(texts: dict[str, str], own: str) -> str:
    """The text without a language or in the portal's own one, else the English one, else the first."""
    of_language = {language.partition('-')[0]: text for language, text in reversed(texts.items())}
    first = next(iter(texts.values()), '')
    return of_language.get(own) or of_language.get('') or of_language.get('en') or first


def _language(text: str) -> str:
    """The code of a language, such as fr, of a code or of an address that ends with one, such as …/authority/language/FRA."""
    code = last_part(text).lower().partition('-')[0]
    return str(get_global('language_aliases').get(code, code))


def _on_hosts(url: str, hosts: Collection[str]) -> bool:
    try:
        return is_host(httpx.URL(url).host, hosts)
    except (httpx.InvalidURL, ValueError):
        return False
