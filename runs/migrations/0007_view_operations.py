from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0006_all_runs"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="worker",
            options={
                "permissions": [("view_operations", "Can view operations")],
                "verbose_name": "worker",
                "verbose_name_plural": "workers",
            },
        ),
    ]
