"""Reads a page as a browser does: strictly, and by what it shows."""

from xml.etree.ElementTree import Element

import html5lib

XHTML, SVG = '{http://www.w3.org/1999/xhtml}', '{http://www.w3.org/2000/svg}'


def parse(page: str) -> Element:
    """The tree of a page. Raises html5lib.html5parser.ParseError for any error."""
    tree: Element = html5lib.HTMLParser(strict=True).parse(page)
    return tree


def text(element: Element) -> str:
    """What an element shows, with plain spaces."""
    return ' '.join(''.join(element.itertext()).split())


def section(tree: Element, title: str) -> Element:
    """The section below a title."""
    [found] = [part for part in tree.iter(f'{XHTML}section') if text(next(part.iter(f'{XHTML}h2'))) == title]
    return found


def rows(element: Element) -> list[list[str]]:
    """The rows of the only table, without its head."""
    [body] = element.iter(f'{XHTML}tbody')
    return [[text(cell) for cell in row] for row in body]


def of_class(element: Element, name: str) -> list[Element]:
    """The elements of a class."""
    return [part for part in element.iter() if name in part.get('class', '').split()]
