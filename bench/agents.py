"""The user agents of the benchmark's log: templates filled with grids of versions, systems and devices."""

from itertools import product

Families = list[tuple[float, list[str]]]  # share of the visitors; user agents, the most common first

DESKTOPS = (
    'Windows NT 10.0; Win64; x64',
    'Macintosh; Intel Mac OS X 10_15_7',
    'X11; Linux x86_64',
    'X11; CrOS x86_64 14541.0.0',
    'Windows NT 6.1; Win64; x64',
)
ANDROIDS = (
    'SM-G991B', 'SM-A515F', 'SM-S918B', 'SM-A127F', 'Pixel 6', 'Pixel 7 Pro', 'Pixel 8a', 'M2101K6G', '2201117TY',
    'Redmi Note 9', 'CPH2219', 'ONEPLUS A6003', 'moto g(30)', 'VOG-L29', 'XQ-AT51', 'FP4', 'RMX3085', 'G20', 'A063',
)  # fmt: skip
BOTS = (
    ('Googlebot', '2.1', 'www.google.com/bot.html'),
    ('bingbot', '2.0', 'www.bing.com/bingbot.htm'),
    ('YandexBot', '3.0', 'yandex.com/bots'),
    ('AhrefsBot', '7.0', 'ahrefs.com/robot/'),
    ('SemrushBot', '7~bl', 'www.semrush.com/bot.html'),
    ('DotBot', '1.2', 'opensiteexplorer.org/dotbot'),
    ('MJ12bot', 'v1.4.8', 'mj12bot.com/'),
    ('PetalBot', '1.0', 'webmaster.petalsearch.com/site/petalbot'),
)
CLIENTS = (
    ('python-requests/2.{}.{}', range(18, 33), range(4)),
    ('python-urllib3/{}.26.{}', (1,), range(20)),
    ('Python/3.{} aiohttp/3.{}.1', range(8, 14), range(7, 12)),
    ('curl/{}.{}.0', (7, 8), range(1, 17)),
    ('okhttp/{}.{}.0', (3, 4), range(9, 13)),
    ('Java/1.8.0_{}{}', (2, 3, 4), range(10, 40, 3)),
    ('Apache-HttpClient/4.5.{} (Java/{}.0.2)', range(1, 15), (8, 11, 17, 21)),
    ('Go-http-client/{}.{}', (1, 2), (0, 1)),
    ('axios/1.{}.{}', range(8), range(4)),
    ('node-fetch/{}.{}', (1, 2, 3), (0, 6)),
    ('PostmanRuntime/7.{}.{}', range(26, 44), range(3)),
    ('GuzzleHttp/{} curl/7.{} PHP/8.2', (6, 7), range(60, 88, 4)),
    ('Wget/1.{}.{}', (19, 20, 21), range(4)),
    ('libcurl/7.{}.0 r-curl/4.3.{} httr/1.4.2', range(60, 90, 6), (1, 2, 3)),
    ('Mozilla/5.0 QGIS/3{}{:02}', (22, 28, 34), range(16)),
    ('Ruby/3.{}.{}', (0, 1, 2, 3), range(6)),
)


def chromium(system: str, version: int, more: str = '') -> str:
    return f'Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36{more}'


def apple(device: str, version: str, program: str) -> str:
    system = f'{device}; CPU {"OS" if device == "iPad" else "iPhone OS"} {version.replace(".", "_")} like Mac OS X'
    return f'Mozilla/5.0 ({system}) AppleWebKit/605.1.15 (KHTML, like Gecko) {program} Mobile/15E148 Safari/604.1'


def families(count: int) -> Families:
    """Returns `count` different user agents in families. Android phones fill up to the count."""
    apples = [f'{major}.{minor}' for major in range(13, 19) for minor in range(7)]
    desktops = [chromium(*pair) for pair in product(DESKTOPS, range(142, 96, -1))]
    desktops += [chromium(DESKTOPS[0], v, f' Edg/{v}.0.{v * 13}.{minor}') for v, minor in product(range(142, 100, -1), (47, 96))]
    desktops += [
        f'Mozilla/5.0 ({system}; rv:{v}.0) Gecko/20100101 Firefox/{v}.0'
        for system, v in product(DESKTOPS[:3], range(145, 85, -1))
    ]
    desktops += [
        f'Mozilla/5.0 ({DESKTOPS[1]}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v} Safari/605.1.15'
        for v in reversed(apples)
    ]
    iphones = [
        apple('iPhone', v, program)
        for v, program in product(reversed(apples), ('Version/17.4', 'CriOS/126.0.6478.54', 'FxiOS/127.0', 'GSA/320.0.643'))
    ]
    tablets = [apple('iPad', v, 'Version/16.6') for v in reversed(apples)]
    tablets += [
        chromium(f'Linux; Android {release}; SM-T{model}', 124) for release, model in product(range(9, 15), (510, 720, 870))
    ]
    clients = [template.format(*pair) for template, *numbers in CLIENTS for pair in product(*numbers)]
    crawlers = [f'Mozilla/5.0 (compatible; {name}/{version}; +http://{page})' for name, version, page in BOTS]
    crawlers += [f'{crawlers[0][:-1]} Chrome/{v}.0.0.0 Safari/537.36' for v in range(110, 143)]
    others = ['-', 'Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV']
    made = [(0.38, desktops), (0.10, iphones), (0.03, tablets), (0.28, clients), (0.07, crawlers), (0.01, others)]
    left = count - sum(len(agents) for _, agents in made)
    phones = [
        chromium(f'Linux; Android {release}; {model}', v).replace(' Safari', ' Mobile Safari')
        for v, release, model in product(range(142, 60, -1), range(8, 16), ANDROIDS)
    ]
    if not 0 < left <= len(phones):
        raise SystemExit(f'the number of agents is from {count - left + 1} to {count - left + len(phones)}')
    return [*made, (0.13, phones[:left])]
