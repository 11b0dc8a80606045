"""Reading what was asked and answered is a permission of its own, which owners have: those there are get it now."""

from django.db import migrations

from tenants.scope import everything

READ = "read_content"
OF_TENANTS = "Read what was asked and answered, where it is kept"
OF_PROJECTS = "Read what was asked and answered in the project, where it is kept"


@everything("every owner gets the permission to read content")
def give_to_owners(apps, schema_editor):
    using = schema_editor.connection.alias
    for model, words, owners in (
        ("tenant", OF_TENANTS, ("Membership", "tenant_id")),
        ("project", OF_PROJECTS, ("ProjectRole", "project_id")),
    ):
        kind, _ = apps.get_model("contenttypes", "ContentType").objects.using(using).get_or_create(
            app_label="tenants", model=model
        )
        permission, _ = apps.get_model("auth", "Permission").objects.using(using).get_or_create(
            content_type=kind, codename=READ, defaults={"name": words}
        )
        table, place = owners
        rows = apps.get_model("tenants", table).objects.using(using).filter(role="owner")
        held = apps.get_model("guardian", "UserObjectPermission").objects.using(using)
        held.bulk_create(
            [
                held.model(user_id=user, permission=permission, content_type=kind, object_pk=str(key))
                for user, key in rows.values_list("user_id", place)
            ],
            ignore_conflicts=True,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0028_weights"),
        ("guardian", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="project",
            options={
                "ordering": ["name"],
                "permissions": [
                    ("manage_tenant", "Change the project and the limits and budgets in it"),
                    ("manage_members", "Give and take roles in the project"),
                    ("manage_keys", "Issue and revoke keys of the project"),
                    ("request_access", "Request access for the project's environments"),
                    ("use_models", "Call models with the project's grants in the playground"),
                    ("view_usage", "See the calls and the cost of the project"),
                    (READ, OF_PROJECTS),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="tenant",
            options={
                "ordering": ["name"],
                "permissions": [
                    ("manage_tenant", "Change the tenant's settings and projects"),
                    ("manage_members", "Invite, change and remove members"),
                    ("manage_keys", "Issue and revoke keys"),
                    ("request_access", "Request access for the tenant's environments"),
                    ("use_models", "Call models with the tenant's grants in the playground"),
                    ("view_usage", "See the calls and the cost of the whole tenant"),
                    (READ, OF_TENANTS),
                    ("view_tenant_audit", "See the audit of the tenant"),
                ],
            },
        ),
        migrations.RunPython(give_to_owners, migrations.RunPython.noop, elidable=True),
    ]
