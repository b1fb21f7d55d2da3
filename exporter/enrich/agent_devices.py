"""Patterns of user agents that tell the kind of device where the operating system does not."""

# A television, a box or a stick names itself, in any system.
_TELEVISIONS = (
    r'(?i:smart-?_?tv|hbbtv|google ?tv|android ?tv|apple ?tv|web0s|netcast|nettv|bravia|viera|chromecast|set-?top|\bIPTV)|CrKey',
    r'\bTV\b|\bAFT[A-Z]|\bRoku\b',
)
# Builds of Android for televisions: their branch is T, or they were made for no other devices.
_TELEVISION_BUILDS = r'Build/(?:PPR2\.180905|OPR5|M5C1|[P-V]T[A-Z]\d\.\d{6})'
# Models with Android: those that say what they are, the size of the screen in inches before the letters of the series
# (43LEX, H-50UST), and makers and chips of boxes.
_TELEVISION_MODELS = (
    r'(?i:[\w .-]box\b|\bbox[ _]|stick\b|projector)|(?:BOX|Box|STICK)[\d_]|\bShell ',
    r'LED[-_ ]?\d\d|UHD|[ _-]4K\b|\bOTT(?:\b|\d)|[A-Z]OTT|\bSTB|[A-Z]STB\d',
    r'(?:[a-z]|\b(?:AQUOS-|HG|K|TD|LED|HD|UHD|SM|A))TV[\d_ ;)-]|\b[STX]TV_|[ _-]TV[_-]|\d\dTV\b',
    r'[ _-][A-Z]{0,4}-?(?:24|28|32|39|4[0239]|5[058]|65|7[05]|8[256]|98)[A-Z]{1,6}[-_ ]?\d\d',
    r'\b(?:X96|A95X|HK1\b|H96 |MXQ|X88|T95[A-Z ]|RK3\d{3}|rk3\d{3})',
    r'(?i:beelink|ugoos|mecool|vontar|tanix|minix|zidoo|mygica|transpeed|vorke|rombica|formuler|dreamlink|\bneo-[xu]\d)',
)
TV = '|'.join((*_TELEVISIONS, _TELEVISION_BUILDS, f'Android[^)/]*(?:{"|".join(_TELEVISION_MODELS)})'))

OTHER = '|'.join(
    (
        r'(?i:playstation [345vp])|Nintendo|Xbox|\bOUYA\b',
        r'Android[^)]*(?:\bSHIELD(?: Build|\))|Retroid|GAMEPAD|\bSwitch(?: Lite| OLED)?\))',
        r'\bSM-R\d{3}|(?:\b|Tic|Zen|Smart)[Ww]atch(?:\b|\d)|\bWear ?OS\b',  # watches
        r'; Glass \d|\bVR\b[^;)]*Safari|OculusBrowser|\bQuest(?: [23]S?| Pro)?[;)]|; Pico ',  # glasses
        r'Alexa(?:MediaPlayer|Service)|\bAEO[A-Z]{2}\b|yandexstation',  # speakers
        r'-CORE T\d|\bTesla/|QtCarBrowser',  # cars
        r'\bEK-G[CN]\d|COOLPIX|Galaxy Camera|\bNW-[AZ]\d|\bFiiO\b|\bYP-G',  # cameras and music players
        r'Family ?Hub|ODROID|Raspberry Pi|Tinker Board|(?i:wizarpos|smartpos)',  # refrigerators, boards, tills
    )
)
# Computers that run Android or its apps, and HarmonyOS on a computer.
DESKTOP = '|'.join(
    (
        r'Android[^;]*; [^)]*(?:Chromebook|WayDroid|EliteBook|ProBook|ThinkPad \w\d|IdeaPad|Inspiron|(?i:satellite)|TravelMate)',
        r'CrosArc|Windows NT [\d.]+; osmeta|\(Mac OS/|\((?:PC|2in1); ?(?:OpenHarmony|HarmonyOS)',
    )
)
# iPads, also where they ask for the pages of computers, and tablets of systems that ua-parser does not know.
TABLET = r'iPad|Macintosh[^)]*\)[^(]*(?:\([^)]*\)[^(]*)?\bMobile/|\(Tablet; ?(?:OpenHarmony|HarmonyOS)|android-tablet'
# iPhones, phones of systems that ua-parser does not know, apps that name only the model, and phones before smartphones.
PHONE = '|'.join(
    (
        r'iPhone|iPod|\bdv\(iPh|FBDV/|\(Phone; ?(?:OpenHarmony|HarmonyOS)|\bKai(?:OS|os)\b|\bLumia\b|Windows NT 10\.0; ARM[;)]',
        r'\bAdr \d|\bYunO[Ss]\b|Palm ?OS|webOS/1|\bMobilePhone\b|MIDP|CLDC|UP\.Browser|\bUP/\d|_MAUI|(?i:\bmaui[ /_-])',
        r'(?i:\bwap[ _-]?browser)|\bWAP\d?/|\bMRE[/\\]|\bFOMA\b|DDIPOCKET|WILLCOM|jig browser',
        r'^(?:DoCoMo|KDDI|J-PHONE|SoftBank|Vodafone)\b|^(?:SIE|MOT|NOKIA|Nokia|SAMSUNG|LG|HUAWEI|SonyEricsson)-?\w+/',
    )
)
