from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("runs", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Throttle",
            fields=[
                ("key", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("paid_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "throttle",
            },
        ),
    ]
