from django.db import migrations, models

# The longer spans of what is held already: those whose days divide by 7 and 28 from Monday 5 January 1970 on.
ADD_UP = """
INSERT INTO usage_platformrollup
       (dimension, span, day, value, currency, is_demonstration,
        calls, errors, unpriced, input_tokens, output_tokens, duration_ms, cost)
SELECT dimension, s.span, day - (day - DATE '1970-01-05') % s.span, value, currency, is_demonstration,
       sum(calls), sum(errors), sum(unpriced), sum(input_tokens), sum(output_tokens), sum(duration_ms), sum(cost)
  FROM usage_platformrollup CROSS JOIN unnest(ARRAY[7, 28]) AS s(span)
 WHERE usage_platformrollup.span = 1
 GROUP BY 1, 2, 3, 4, 5, 6
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0003_platform_dimensions")]

    operations = [
        migrations.RemoveConstraint(model_name="platformrollup", name="platform_rollup_once"),
        migrations.AddField(
            model_name="platformrollup",
            name="span",
            field=models.PositiveSmallIntegerField(default=1, help_text="Days; one of `usage.spans.SPANS`."),
        ),
        migrations.AddConstraint(
            model_name="platformrollup",
            constraint=models.UniqueConstraint(
                fields=("dimension", "span", "day", "value", "currency", "is_demonstration"),
                name="platform_rollup_once",
            ),
        ),
        migrations.RunSQL(ADD_UP, "DELETE FROM usage_platformrollup WHERE span > 1"),
    ]
