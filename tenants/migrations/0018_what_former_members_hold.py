"""Who was removed while they were switched off kept their permissions: take them away."""

from django.db import migrations

from tenants.scope import everything


@everything("what former members hold is looked for in every tenant")
def take_away(apps, schema_editor):
    using = schema_editor.connection.alias
    members = apps.get_model("tenants", "Membership").objects.using(using).values_list("user_id", "tenant_id")
    are = {(user, str(tenant)) for user, tenant in members}
    held = apps.get_model("guardian", "UserObjectPermission").objects.using(using)
    of_tenants = held.filter(permission__content_type__app_label="tenants", permission__content_type__model="tenant")
    rows = of_tenants.values_list("pk", "user_id", "object_pk")
    held.filter(pk__in=[pk for pk, user, tenant in rows if (user, tenant) not in are]).delete()


class Migration(migrations.Migration):
    dependencies = [("tenants", "0017_directory_name_keys"), ("guardian", "0001_initial")]
    operations = [migrations.RunPython(take_away, migrations.RunPython.noop, elidable=True)]
