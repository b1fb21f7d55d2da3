"""The texts of the Data sets page."""

from grafana.texts import BothLanguages

_LEFT_OUT = (
    'Left out: calls that ask for no data set; calls that were removed for their age; crawlers, unless counted above.',
    'Exclus : les appels qui ne demandent aucun jeu de données ; les appels supprimés pour leur âge ; les robots '
    "d'indexation, sauf choix contraire ci-dessus.",
)
_EIGHT_LEFT_OUT = (
    'Left out: all but the eight chosen data sets with most calls; calls that were removed for their age; crawlers, unless '
    'counted above.',
    'Exclus : tous sauf les huit jeux de données choisis les plus appelés ; les appels supprimés pour leur âge ; les robots '
    "d'indexation, sauf choix contraire ci-dessus.",
)


def _about(english: str, french: str, left_out: tuple[str, str]) -> tuple[str, str]:
    return f'{english}\n\n{left_out[0]}', f'{french}\n\n{left_out[1]}'


DATASETS: BothLanguages = {
    'datasets': ('Data sets', 'Jeux de données'),
    'datasets_about': (
        'What is asked of the portal: which data sets, how often, by how many, with how many errors and bytes.',
        "Ce que l'on demande au portail : quels jeux de données, combien de fois, par combien, avec quelles erreurs et tailles.",
    ),
    'datasets_asked': ('Data sets asked for', 'Jeux de données demandés'),
    'datasets_asked_about': _about(
        """How many of the chosen data sets were asked for at least once.

        Computed: counted, without error, as the path of a call names them: what is not on the portal (any more) and was
        asked for counts too.""",
        """Combien des jeux de données choisis ont été demandés au moins une fois.

        Calcul : comptés sans erreur, tels que le chemin des appels les nomme : ce qui n'est pas ou plus sur le portail
        et a été demandé compte aussi.""",
        _LEFT_OUT,
    ),
    'dataset_calls': ('API calls for data sets', "Appels d'API aux jeux de données"),
    'dataset_calls_about': _about(
        """API calls that ask for one of the chosen data sets.

        Computed: every answered call is counted, without error, whatever its status.""",
        """Appels d'API qui demandent l'un des jeux de données choisis.

        Calcul : tout appel ayant reçu une réponse est compté, sans erreur, quel que soit son statut.""",
        _LEFT_OUT,
    ),
    'dataset_errors': ('Share of errors', "Part d'erreurs"),
    'dataset_errors_about': _about(
        """Share of the calls for the chosen data sets that were answered with an error, a status of 400 or more.

        Computed: errors divided by calls, both counted. An unknown status is no error.""",
        """Part des appels aux jeux de données choisis auxquels il fut répondu par une erreur, un statut de 400 ou plus.

        Calcul : erreurs divisées par appels, comptés les uns et les autres. Un statut inconnu n'est pas une erreur.""",
        _LEFT_OUT,
    ),
    'dataset_bytes': ('Delivered', 'Livré'),
    'dataset_bytes_about': _about(
        """How much the portal delivered for the chosen data sets.

        Computed: the sum of the sizes of the answers as the log tells them, mostly compressed and without headers.""",
        """Ce que le portail a livré pour les jeux de données choisis.

        Calcul : la somme des tailles des réponses telles que le journal les donne, le plus souvent compressées et sans
        en-têtes.""",
        _LEFT_OUT,
    ),
    'calls_over_time': ('Most asked data sets, day by day', 'Jeux de données les plus demandés, jour par jour'),
    'calls_over_time_about': _about(
        """API calls per day for the eight of the chosen data sets with most calls in the period.

        Computed: calls are counted, without error, by the portal's own days. Orange marks are events.""",
        """Appels d'API par jour aux huit des jeux de données choisis qui en ont le plus sur la période.

        Calcul : les appels sont comptés, sans erreur, selon les jours du portail. Les repères orange sont des
        événements.""",
        _EIGHT_LEFT_OUT,
    ),
    'datasets_table': ('What is asked most', 'Les plus demandés'),
    'datasets_table_about': (
        """The chosen data sets, at most 1,000, with calls, users, errors and size of the answers. `-` are calls that ask
        for none. A click on a data set leads to its calls.

        Computed: calls, errors (status 400 or more) and sizes are counted, users estimated as total users. Users of two
        data sets do not add up: many ask for both.

        Left out: calls that were removed for their age; crawlers, unless counted above.""",
        """Les jeux de données choisis, 1 000 au plus, avec appels, utilisateurs, erreurs et taille des réponses. `-`
        désigne les appels qui n'en demandent aucun. Un clic sur un jeu de données mène à ses appels.

        Calcul : appels, erreurs (statut de 400 ou plus) et tailles sont comptés, les utilisateurs estimés comme le
        nombre total. Ceux de deux jeux de données ne s'additionnent pas : beaucoup demandent les deux.

        Exclus : les appels supprimés pour leur âge ; les robots d'indexation, sauf choix contraire ci-dessus.""",
    ),
    'users_over_time': ('Their users', 'Leurs utilisateurs'),
    'users_over_time_about': _about(
        """Users per day of the most asked data sets.

        Computed: estimated for each day and data set, with the error of total users.""",
        """Utilisateurs par jour des jeux de données les plus demandés.

        Calcul : estimés pour chaque jour et jeu de données, avec l'erreur du nombre total d'utilisateurs.""",
        _EIGHT_LEFT_OUT,
    ),
    'errors_over_time': ('Their errors', 'Leurs erreurs'),
    'errors_over_time_about': _about(
        """API calls per day for the most asked data sets that were answered with an error, a status of 400 or more.

        Computed: counted, without error.""",
        """Appels d'API par jour aux jeux de données les plus demandés auxquels il fut répondu par une erreur, un statut de
        400 ou plus.

        Calcul : comptés, sans erreur.""",
        _EIGHT_LEFT_OUT,
    ),
    'bytes_over_time': ('Their size', 'Leur taille'),
    'bytes_over_time_about': _about(
        """How much was delivered per day of the most asked data sets.

        Computed: the sum of the sizes of the answers as the log tells them.""",
        """Ce qui fut livré par jour des jeux de données les plus demandés.

        Calcul : la somme des tailles des réponses telles que le journal les donne.""",
        _EIGHT_LEFT_OUT,
    ),
}
