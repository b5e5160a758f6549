from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
<<<<<<<< HEAD:runs/migrations/0007_view_operations.py
        ("runs", "0006_all_runs"),
========
        ("runs", "0004_turns_in_order"),
>>>>>>>> home:runs/migrations/0005_view_operations.py
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
