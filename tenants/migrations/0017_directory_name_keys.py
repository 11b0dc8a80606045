from django.db import migrations, models

from tenants.directory.attributes import folded
from tenants.scope import everything


@everything("names of every directory are written as they are compared")
def write_keys(apps, schema_editor):
    using = schema_editor.connection.alias
    for name, field in (("DirectoryPerson", "user_name"), ("DirectoryGroup", "display_name")):
        rows = apps.get_model("tenants", name).objects.using(using)
        for row in rows.only("pk", field).iterator(chunk_size=500):
            rows.filter(pk=row.pk).update(name_key=folded(getattr(row, field)))


class Migration(migrations.Migration):

    dependencies = [
        ("tenants", "0016_notification_kinds"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="directoryperson", name="directory_user_name"),
        migrations.RemoveIndex(model_name="directoryperson", name="directory_person_name"),
        migrations.RemoveConstraint(model_name="directorygroup", name="directory_group_name"),
        migrations.AddField(
            model_name="directoryperson",
            name="name_key",
            field=models.CharField(default="", help_text="the user name as it is compared", max_length=508),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="directorygroup",
            name="name_key",
            field=models.CharField(default="", help_text="the name as it is compared", max_length=508),
            preserve_default=False,
        ),
        migrations.RunPython(write_keys, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="directoryperson",
            index=models.Index(fields=["directory", "name_key"], name="directory_person_name"),
        ),
        migrations.AddConstraint(
            model_name="directoryperson",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)), fields=("directory", "name_key"), name="directory_user_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="directorygroup",
            constraint=models.UniqueConstraint(fields=("directory", "name_key"), name="directory_group_name"),
        ),
    ]
