"""The texts of the Health page."""

from grafana.texts import BothLanguages, description

_UNFINISHED = ('Left out: unfinished imports.', 'Exclus : les imports inachevés.')

HEALTH: BothLanguages = {
    'health': ('Health', 'Supervision'),
    'health_about': (
        'Whether calls arrive and are stored, from the ledger of imports.',
        "L'arrivée et l'enregistrement des appels, d'après le registre des imports.",
    ),
    'none_imported': ('Nothing imported in this period', 'Aucun import sur cette période'),
    'none_rejected': ('Nothing rejected in this period', 'Aucun rejet sur cette période'),
    'nothing_yet': ('Nothing imported yet', 'Aucun import pour le moment'),
    'stored_calls_about': description(
        """Calls that were stored in the period, whatever day they were made on.

        Computed: exact count from the ledger, with the calls of crawlers. Calls that were removed later still count.""",
        """Appels enregistrés pendant la période, quel que soit le jour où ils ont été faits.

        Calcul : décompte exact d'après le registre, robots d'indexation compris. Les appels supprimés ensuite restent
        comptés.""",
        _UNFINISHED,
    ),
    'rejected_lines_about': (
        """Lines that could not be read in the period. They are kept: `usage-exporter rejected list` shows them.

        Computed: exact count from the ledger.

        Left out: skipped lines, which are not API calls; unfinished imports.""",
        """Lignes qui n'ont pas pu être lues pendant la période. Elles sont conservées : `usage-exporter rejected list` les
        affiche.

        Calcul : décompte exact d'après le registre.

        Exclus : les lignes ignorées, qui ne sont pas des appels API ; les imports inachevés.""",
    ),
    'newest': ('Newest call', 'Appel le plus récent'),
    'newest_about': description(
        """The time since the newest stored call was made, whatever period is chosen.

        Computed: the last call of all finished imports of the chosen portals.""",
        """Temps écoulé depuis l'appel enregistré le plus récent, quelle que soit la période choisie.

        Calcul : le dernier appel de tous les imports terminés des portails choisis.""",
        _UNFINISHED,
    ),
    'cut_off': ('Unfinished imports', 'Imports inachevés'),
    'cut_off_about': (
        """Batches that began more than ten minutes ago and did not finish, whatever period is chosen. Orange asks for
        action: import the same log again to finish them.

        Computed: exact count from the ledger. Until a batch is finished, its calls can be in some numbers and missing from
        others.

        Left out: batches that began less than ten minutes ago.""",
        """Lots commencés il y a plus de dix minutes et non terminés, quelle que soit la période choisie. L'orange demande
        une action : importez de nouveau le même journal pour les terminer.

        Calcul : décompte exact d'après le registre. Tant qu'un lot n'est pas terminé, ses appels peuvent figurer dans
        certains nombres et manquer dans d'autres.

        Exclus : les lots commencés il y a moins de dix minutes.""",
    ),
    'lines_over_time': ('Lines by outcome', 'Lignes par résultat'),
    'lines_over_time_about': (
        """Lines by time of import: stored calls, skipped lines (not API calls) and rejected lines. Orange marks are events.

        Computed: exact count from the ledger; a bar covers an hour or more.

        Left out: lines that were already stored; unfinished imports.""",
        """Lignes par date d'import : appels enregistrés, lignes ignorées (qui ne sont pas des appels API) et lignes
        rejetées. Les repères orange signalent des événements.

        Calcul : décompte exact d'après le registre ; une barre couvre une heure ou plus.

        Exclus : les lignes déjà enregistrées ; les imports inachevés.""",
    ),
    'rejected_over_time': ('Rejected lines by reason', 'Lignes rejetées par motif'),
    'rejected_over_time_about': description(
        """Rejected lines by time of import and by reason. The documentation of `import` lists the reasons.

        Computed: exact count from the ledger; a bar covers an hour or more.""",
        """Lignes rejetées par date d'import et par motif. La documentation d'`import` donne la liste des motifs.

        Calcul : décompte exact d'après le registre ; une barre couvre une heure ou plus.""",
        _UNFINISHED,
    ),
    'rejected_by_reason': ('Reasons for rejection', 'Motifs de rejet'),
    'rejected_by_reason_about': description(
        """The number of rejected lines for each reason, and the last time it occurred.

        Computed: exact count from the ledger; the share is of all lines read. If `format` exceeds a few per cent, the log
        has another format than the import expects.""",
        """Nombre de lignes rejetées pour chaque motif, et sa dernière occurrence.

        Calcul : décompte exact d'après le registre ; la part est rapportée à toutes les lignes lues. Si `format` dépasse
        quelques pour cent, le journal n'a pas le format attendu par l'import.""",
        _UNFINISHED,
    ),
    'lateness': ('Delay until a call is stored', "Délai d'enregistrement des appels"),
    'lateness_about': (
        """The time between the answer to a call and its storage, for the oldest and the newest call of the batches. The
        newest call shows how far the numbers are behind; the oldest shows how much an import had to catch up.

        Computed: from the ledger, for each hour or more: the longest delay of an oldest call and the shortest delay of a
        newest call.

        Left out: batches without calls; unfinished imports.""",
        """Temps entre la réponse à un appel et son enregistrement, pour l'appel le plus ancien et l'appel le plus récent
        des lots. Le plus récent indique le retard des nombres affichés ; le plus ancien, le retard que l'import avait à
        rattraper.

        Calcul : d'après le registre, par intervalle d'une heure ou plus : le délai le plus long des appels les plus
        anciens et le délai le plus court des appels les plus récents.

        Exclus : les lots sans appel ; les imports inachevés.""",
    ),
    'geolocation': ('Geolocation data', 'Données de géolocalisation'),
    'geolocation_about': description(
        """The date of the geolocation data that located the calls, and when it was used. Addresses move: data older than
        three months locates more and more calls wrongly.

        Computed: from the ledger. `-` is the built-in table of countries, which has no date.""",
        """Date des données qui ont servi à géolocaliser les appels, et période de leur utilisation. Les adresses changent
        de lieu : des données de plus de trois mois situent mal de plus en plus d'appels.

        Calcul : d'après le registre. `-` désigne la table de pays intégrée, qui n'a pas de date.""",
        _UNFINISHED,
    ),
    'imports': ('Imported logs', 'Journaux importés'),
    'imports_about': description(
        """The logs that were imported in the period, newest import first, at most 500.

        Computed: from the ledger; a row is a log, with all its batches in the period.""",
        """Les journaux importés pendant la période, du plus récent au plus ancien, 500 au plus.

        Calcul : d'après le registre ; une ligne est un journal, avec tous ses lots de la période.""",
        _UNFINISHED,
    ),
}
