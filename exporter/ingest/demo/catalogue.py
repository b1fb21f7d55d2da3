"""The catalogue of the demo's portal: titles, publishers, themes, days and names of its data sets."""

from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import blake2b

from exporter.catalogue.dataset import Dataset

FIRST = date(2016, 3, 1)  # the portal opened

# By publisher and theme: data sets by their identifiers. Those that are not in portal.DATASETS or PUBLICATIONS have no calls.
TITLES = {
    ('Direction de la mobilité', 'Mobilité'): {
        'velos-disponibilite-temps-reel': 'Vélos en libre-service : disponibilité en temps réel',
        'stationnement-parkings-places': 'Places libres dans les parkings',
        'pistes-cyclables': 'Pistes cyclables',
        'comptage-routier-capteurs': 'Comptage routier par capteur',
        'travaux-voirie-en-cours': 'Travaux de voirie en cours',
        'accidents-corporels': 'Accidents corporels de la circulation',
        'zones-a-faibles-emissions': 'Zones à faibles émissions',
        'bornes-recharge-electrique': 'Bornes de recharge électrique',
        'comptages-velos-horaires': 'Comptages de vélos par heure',
        'abris-velos-securises': 'Abris à vélos sécurisés',
    },
    ('Réseau de transport', 'Mobilité'): {
        'transports-prochains-passages': 'Prochains passages aux arrêts',
        'lignes-tramway-trace': 'Tracé des lignes de tramway',
        'arrets-transport-en-commun': 'Arrêts de transport en commun',
    },
    ('Direction des espaces verts', 'Environnement'): {
        'arbres-alignement': "Arbres d'alignement",
        'aires-de-jeux': 'Aires de jeux',
        'parcs-et-jardins': 'Parcs et jardins',
        'fontaines-a-boire': 'Fontaines à boire',
        'toilettes-publiques': 'Toilettes publiques',
        'composteurs-collectifs': 'Composteurs collectifs',
        'canopee-urbaine-lidar': 'Canopée urbaine (LiDAR)',
        'jardins-partages': 'Jardins partagés',
    },
    ("Direction de l'environnement", 'Environnement'): {
        'points-apport-volontaire': "Points d'apport volontaire",
        'dechetteries-horaires': 'Horaires des déchetteries',
        'ilots-de-fraicheur': 'Îlots de fraîcheur',
        'consommation-energie-batiments': "Consommation d'énergie des bâtiments publics",
        'production-solaire-toitures': 'Production solaire des toitures',
        'qualite-air-horaire': "Qualité de l'air par heure",
        'bruit-cartes-strategiques': 'Cartes stratégiques du bruit',
        'nappes-phreatiques-niveaux': 'Niveaux des nappes phréatiques',
    },
    ("Direction de l'urbanisme", 'Urbanisme'): {
        'adresses-base-locale': 'Base adresse locale',
        'permis-de-construire': 'Permis de construire',
        'plan-local-urbanisme-zonage': "Plan local d'urbanisme : zonage",
        'cadastre-parcelles': 'Parcelles du cadastre',
        'batiments-hauteurs': 'Hauteurs des bâtiments',
        'loyers-de-reference': 'Loyers de référence par quartier',
        'cimetieres-concessions': 'Concessions des cimetières',
    },
    ('Direction des finances', 'Administration'): {
        'marches-publics-attribues': 'Marchés publics attribués',
        'budget-principal-execution': 'Exécution du budget principal',
        'subventions-associations': 'Subventions aux associations',
    },
    ('Direction des services aux habitants', 'Administration'): {
        'population-quartiers': 'Population par quartier',
        'prenoms-des-nouveau-nes': 'Prénoms des nouveau-nés',
        'elections-resultats-bureaux': 'Résultats des élections par bureau de vote',
        'bureaux-de-vote-perimetres': 'Périmètres des bureaux de vote',
        'menus-cantines-scolaires': 'Menus des cantines scolaires',
        'ecoles-secteurs-scolaires': 'Secteurs scolaires',
        'equipements-publics': 'Équipements publics',
        'commerces-vacants': 'Commerces vacants',
        'marches-forains': 'Marchés forains',
    },
    ('Direction de la culture', 'Culture'): {
        'bibliotheques-prets': 'Prêts des bibliothèques',
        'piscines-frequentation': 'Fréquentation des piscines',
        'musees-entrees': 'Entrées des musées',
        'agenda-culturel': 'Agenda culturel',
        'archives-municipales-inventaire': 'Inventaire des archives municipales',
    },
}


def datasets(published: dict[str, date]) -> Iterator[Dataset]:
    """The data sets of the catalogue. `published` has the days of those that are new; the others are older than any call."""
    for (publisher, theme), titles in TITLES.items():
        for identifier, title in titles.items():
            created = published.get(identifier) or FIRST + timedelta(_hash(identifier) % 2_500)
            yield Dataset(identifier, (resource(identifier), f'/files/{identifier}.csv'), title, publisher, theme, created)


def resource(identifier: str) -> str:
    """The name of a data set's only resource."""
    return f'da_{_hash(identifier):06x}'


def _hash(identifier: str) -> int:
    return int.from_bytes(blake2b(identifier.encode(), digest_size=3).digest())
