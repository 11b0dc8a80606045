from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # so that calls are written to the ledger meanwhile

    dependencies = [
        ("usage", "0014_timing"),
    ]

    operations = [
        migrations.RunSQL(  # one that was broken off in the middle
            "DROP INDEX CONCURRENTLY IF EXISTS call_by_detour", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name='call',
            index=models.Index(
                condition=models.Q(('attempts__gt', 1), ('fell_back', True), ('waited_ms__gt', 0), _connector='OR'),
                fields=['-started_at', '-id'],
                name='call_by_detour',
            ),
        ),
    ]
