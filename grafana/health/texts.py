"""The texts of the Health page."""

from grafana.texts import BothLanguages

HEALTH: BothLanguages = {
    'health': ('Health', 'Santé'),
    'health_about': (
        'Whether calls arrive and become numbers, as the ledger of imports tells.',
        'Si les appels arrivent et deviennent des nombres, selon le registre des imports.',
    ),
    'none_imported': ('Nothing imported in this period', 'Aucun import sur cette période'),
    'none_rejected': ('Nothing rejected in this period', 'Aucun rejet sur cette période'),
    'nothing_yet': ('Nothing imported yet', "Rien n'a encore été importé"),
    'stored': ('Calls stored', 'Appels stockés'),
    'stored_about': (
        """How many calls were stored in the period, of whatever day they are.

        Computed: counted by the ledger, without error; crawlers' calls are among them.

        Left out: imports that are not finished. What was taken back later still counts: it had been stored.""",
        """Combien d'appels ont été enregistrés pendant la période, de quelque jour qu'ils soient.

        Calcul : comptés par le registre, sans erreur ; ceux des robots d'indexation en font partie.

        Exclus : les imports inachevés. Ce qui fut retiré ensuite compte encore : cela avait été enregistré.""",
    ),
    'rejected': ('Lines rejected', 'Rejets'),
    'rejected_about': (
        """How many lines could not be read in the period. They are kept: `usage-exporter rejected list` shows them.

        Computed: counted by the ledger, without error.

        Left out: skipped lines, which are no API calls; imports that are not finished.""",
        """Combien de lignes n'ont pas pu être lues pendant la période. Elles sont gardées : `usage-exporter rejected list`
        les montre.

        Calcul : comptées par le registre, sans erreur.

        Exclus : les lignes ignorées, qui ne sont pas des appels d'API ; les imports inachevés.""",
    ),
    'newest': ('Newest call', 'Appel le plus récent'),
    'newest_about': (
        """How long ago the newest call was made that is stored, whatever the period above.

        Computed: the last call of all finished imports of the chosen portals.

        Left out: imports that are not finished.""",
        """Depuis combien de temps l'appel le plus récent enregistré a été fait, quelle que soit la période ci-dessus.

        Calcul : le dernier appel de tous les imports achevés des portails choisis.

        Exclus : les imports inachevés.""",
    ),
    'cut_off': ('Unfinished imports', 'Imports inachevés'),
    'cut_off_about': (
        """Batches that were begun more than ten minutes ago and never finished, whatever the period above. Orange means
        that something is to be done: import the same log again, which finishes them.

        Computed: counted by the ledger. Until they are finished, their calls may be in some numbers and not in others.

        Left out: what is under way for less than ten minutes.""",
        """Lots commencés il y a plus de dix minutes et jamais achevés, quelle que soit la période ci-dessus. L'orange
        signifie qu'il faut agir : importer à nouveau le même journal les achève.

        Calcul : comptés par le registre. Tant qu'ils sont inachevés, leurs appels peuvent être dans certains nombres et
        pas dans d'autres.

        Exclus : ce qui est en cours depuis moins de dix minutes.""",
    ),
    'lines_over_time': ('What became of the lines', 'Ce que les lignes sont devenues'),
    'lines_over_time_about': (
        """Lines by the moment of their import: stored calls, skipped lines (no API calls), rejected lines.

        Computed: counted by the ledger, without error; a bar is an hour or more. Orange marks are events.

        Left out: lines that were stored before; imports that are not finished.""",
        """Lignes selon le moment de leur import : appels enregistrés, lignes ignorées (pas des appels d'API), lignes
        rejetées.

        Calcul : comptées par le registre, sans erreur ; une barre est une heure ou plus. Les repères orange sont des
        événements.

        Exclus : les lignes déjà enregistrées auparavant ; les imports inachevés.""",
    ),
    'rejected_over_time': ('Rejected lines by reason', 'Lignes rejetées par motif'),
    'rejected_over_time_about': (
        """Rejected lines by the moment of their import and by reason; the documentation of `import` lists the reasons.

        Computed: counted by the ledger, without error; a bar is an hour or more.

        Left out: imports that are not finished.""",
        """Lignes rejetées selon le moment de leur import et le motif ; la documentation d'`import` donne les motifs.

        Calcul : comptées par le registre, sans erreur ; une barre est une heure ou plus.

        Exclus : les imports inachevés.""",
    ),
    'rejected_by_reason': ('Reasons of rejects', 'Motifs de rejet'),
    'rejected_by_reason_about': (
        """How many lines were rejected for which reason, and when last.

        Computed: counted by the ledger; the share is that of all lines read. More than a few per cent of `format` mean
        that the log has another format than was told.

        Left out: imports that are not finished.""",
        """Combien de lignes ont été rejetées pour quel motif, et quand pour la dernière fois.

        Calcul : comptées par le registre ; la part est celle de toutes les lignes lues. Plus de quelques pour cent de
        `format` signifient que le journal a un autre format que celui indiqué.

        Exclus : les imports inachevés.""",
    ),
    'lateness': ('How late calls arrive', 'Avec quel retard les appels arrivent'),
    'lateness_about': (
        """How long after a call was answered it was stored: of the oldest call and of the newest call of the batches.
        The newest tells how far behind the numbers are; the oldest, how much an import had to catch up.

        Computed: from the ledger; the oldest is the largest delay of the hour (or more), the newest the smallest.

        Left out: batches without calls; imports that are not finished.""",
        """Combien de temps après sa réponse un appel a été enregistré : pour l'appel le plus ancien et pour le plus récent
        des lots. Le plus récent dit de combien les nombres retardent ; le plus ancien, ce qu'un import avait à rattraper.

        Calcul : d'après le registre ; le plus ancien est le plus grand retard de l'heure (ou plus), le plus récent le
        plus petit.

        Exclus : les lots sans appels ; les imports inachevés.""",
    ),
    'geolocation': ('Geolocation data', 'Données de géolocalisation'),
    'geolocation_about': (
        """Of which date the geolocation data was that placed the calls, and when it was used. Addresses move: data that is
        older than three months places more and more calls wrongly.

        Computed: from the ledger. `-` is the built-in table of countries, which has no date.

        Left out: imports that are not finished.""",
        """De quelle date étaient les données de géolocalisation qui ont placé les appels, et quand elles ont servi. Les
        adresses changent de lieu : des données de plus de trois mois placent mal de plus en plus d'appels.

        Calcul : d'après le registre. `-` est la table intégrée des pays, qui n'a pas de date.

        Exclus : les imports inachevés.""",
    ),
    'imports': ('What was imported', 'Ce qui a été importé'),
    'imports_about': (
        """The logs that were imported in the period, the newest import first, at most 500.

        Computed: from the ledger, a line for each log with all its batches of the period.

        Left out: imports that are not finished.""",
        """Les journaux importés pendant la période, le dernier import d'abord, 500 au plus.

        Calcul : d'après le registre, une ligne par journal avec tous ses lots de la période.

        Exclus : les imports inachevés.""",
    ),
}
