from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("usage", "0013_traces"),
    ]

    operations = [  # of columns without a default, none of which reads the ledger
        migrations.AddField(
            model_name='call',
            name='timing',
            field=models.JSONField(help_text='usage.timing.Timing; null: it was not noted', null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='attempts',
            field=models.SmallIntegerField(help_text='deployments that were asked; null: it was not noted', null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='fell_back',
            field=models.BooleanField(help_text="answered by the route's fallback; null: it was not noted", null=True),
        ),
    ]
