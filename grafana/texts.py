"""Texts that pages share, in both languages: above the panels, and the names of columns and series."""

LANGUAGES = ('en', 'fr')
Texts = dict[str, str]  # the texts of one language, by key; `<panel>_about` is the description of a panel
BothLanguages = dict[str, tuple[str, str]]  # English, French

# The last paragraph of most descriptions.
CRAWLERS = (
    'Left out: crawlers, unless you choose to count them.',
    "Exclus : les robots d'indexation, sauf si vous choisissez de les compter.",
)
DELETED_AND_CRAWLERS = (
    'Left out: calls deleted by retention; crawlers, unless you choose to count them.',
    "Exclus : les appels supprimés à la fin de leur conservation ; les robots d'indexation, sauf si vous choisissez de les "
    'compter.',
)

FRAME: BothLanguages = {
    'other_language': ('Français', 'English'),
    'datasource': ('Data source', 'Source de données'),
    'domain': ('Portal', 'Portail'),
    'crawlers': ('Crawlers', "Robots d'indexation"),
    'crawlers_choice': ('left out : 0,counted : 1', 'exclus : 0,comptés : 1'),
    'circles': ('Circles on the map', 'Cercles sur la carte'),
    'circles_choice': ('few : 12,many : 96', 'peu : 12,beaucoup : 96'),
    'tag': ('Event tags', "Étiquettes d'événements"),
    'events': ('Events', 'Événements'),
    'empty': ('No calls in this period', 'Aucun appel sur cette période'),
    'change': ('${__data.fields.change} vs. previous period', '${__data.fields.change} vs période précédente'),
    'calls_behind': ('Show these calls', 'Voir ces appels'),
    'weekday_choice': (
        'Monday : 1,Tuesday : 2,Wednesday : 3,Thursday : 4,Friday : 5,Saturday : 6,Sunday : 7',
        'lundi : 1,mardi : 2,mercredi : 3,jeudi : 4,vendredi : 5,samedi : 6,dimanche : 7',
    ),
    'kind_choice': (
        'any : any,browser : browser,API client : api_client,crawler : crawler,unknown : unknown',
        "tous : any,navigateur : browser,client API : api_client,robot d'indexation : crawler,inconnu : unknown",
    ),
    'device_choice': (
        'desktop : desktop,phone : phone,tablet : tablet,television : tv,other : other,unknown : unknown',
        'ordinateur : desktop,téléphone : phone,tablette : tablet,téléviseur : tv,autre : other,inconnu : unknown',
    ),
}

COLUMNS: BothLanguages = {
    'calls': ('API calls', 'Appels API'),
    'percent': ('Share', 'Part'),
    'place': ('Place', 'Lieu'),
    'country': ('Country', 'Pays'),
    'weekday_number': ('Weekday', 'Jour'),
    'user': ('User', 'Utilisateur'),
    'users': ('Users', 'Utilisateurs'),
    'queries': ('Queries', 'Requêtes'),
    'downloads': ('Downloads', 'Téléchargements'),
    'download_requests': ('Download requests', 'Demandes de téléchargement'),
    'page_views': ('Page views', 'Pages vues'),
    'metadata_requests': ('Metadata', 'Métadonnées'),
    'searches': ('Searches', 'Recherches'),
    'map_requests': ('Maps', 'Cartes'),
    'other_calls': ('Other calls', 'Autres appels'),
    'registered_users': ('Registered users', 'Utilisateurs authentifiés'),
    'days': ('Days', 'Jours'),
    'last_day': ('Last day', 'Dernier jour'),
    'dataset': ('Data set', 'Jeu de données'),
    'identifier': ('Identifier', 'Identifiant'),
    'publisher': ('Publisher', 'Producteur'),
    'created': ('Published', 'Publié le'),
    'month': ('Month', 'Mois'),
    'kind': ('Client type', 'Type de client'),
    'audience': ('Audience name', "Nom de l'audience"),
    'network': ('Network', 'Réseau'),
    'as_number': ('AS number', "Numéro d'AS"),
    'site': ('Web site', 'Site web'),
    'excluded_kind': ('Kind of call', "Nature de l'appel"),
    'excluded_choice': (
        'Crawlers : crawlers,Left out : left_out,Suspect : suspect',
        'Robots : crawlers,Exclus : left_out,Suspects : suspect',
    ),
    'program': ('Program', 'Programme'),
    'status_code': ('Status', 'Statut'),
    'errors': ('Errors', 'Erreurs'),
    'errors_percent': ('Error rate', "Taux d'erreur"),
    'bytes': ('Size', 'Volume'),
    'time': ('Time', 'Date et heure'),
    'visitor_hash': ('Visitor', 'Visiteur'),
    'device_kind': ('Device', 'Appareil'),
    'method_name': ('Method', 'Méthode'),
    'path': ('Path', 'Chemin'),
    'duration': ('Duration', 'Durée'),
    'circle': ('Circle', 'Cercle'),
    'reason': ('Reason', 'Motif'),
    'lines': ('Lines', 'Lignes'),
    'last_at': ('Last seen', 'Dernière occurrence'),
    'imported_at': ('Imported at', "Date d'import"),
    'source_name': ('Source type', 'Type de source'),
    'origin': ('File', 'Fichier'),
    'stored_calls': ('Stored calls', 'Appels enregistrés'),
    'skipped_lines': ('Skipped lines', 'Lignes ignorées'),
    'rejected_lines': ('Rejected lines', 'Lignes rejetées'),
    'first_call': ('First call', 'Premier appel'),
    'last_call': ('Last call', 'Dernier appel'),
    'geo_day': ('Geolocation date', 'Date de géolocalisation'),
    'first_used': ('First used', 'Première utilisation'),
    'last_used': ('Last used', 'Dernière utilisation'),
    'oldest_call': ('Oldest call of a batch', "Appel le plus ancien d'un lot"),
    'newest_call': ('Newest call of a batch', "Appel le plus récent d'un lot"),
}


def description(english: str, french: str, left_out: tuple[str, str]) -> tuple[str, str]:
    """The description of a panel: what it shows and how it is computed, then a paragraph on what it leaves out."""
    return f'{english}\n\n{left_out[0]}', f'{french}\n\n{left_out[1]}'


def in_language(texts: BothLanguages, language: str) -> Texts:
    """The texts of one language, each paragraph on one line. Raises ValueError for a language that is not in LANGUAGES."""
    column = LANGUAGES.index(language)
    return {'language': language} | {key: _unwrap(text[column]) for key, text in texts.items()}


def _unwrap(text: str) -> str:
    return '\n\n'.join(' '.join(paragraph.split()) for paragraph in text.split('\n\n'))
