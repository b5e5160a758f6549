"""French."""

from __future__ import annotations

from typing import Final

from .language import Language, split_months, split_table

FRENCH: Final = Language(
    final_totals=split_table(
        "total ttc | montant ttc | total général | total facture | total de la facture | montant total",
        "montant total ttc | montant de la facture | total commande | prix total | ttc",
    ),
    payments=split_table(
        "net à payer | net à payer ttc | total à payer | montant à payer | montant dû | somme à payer | reste à payer",
        "solde à payer | montant payé | total payé | montant réglé | montant débité | montant du prélèvement",
        "vous avez payé | à payer",
    ),
    totals=split_table("total | montant | somme"),
    other_totals=split_table(
        "total ht | total hors taxes | montant ht | montant hors taxes | sous total | sous total ht | total tva",
        "total taxes | montant tva | montant de la tva | base ht | total remise* | montant remise | total net ht",
        "net ht | prix ht | solde précédent",
    ),
    taxes=split_table("tva | taxe | taxes"),
    refund_totals=split_table(
        "montant remboursé | total remboursé | total avoir | montant de l'avoir | remboursement de"
    ),
    deposits=split_table("acompte* | avance* | déjà réglé | déjà payé"),
    currency_labels=split_table("devise | monnaie"),
    receipts=split_table(
        "facture* | reçu | reçus | reçu de paiement | ticket de caisse | quittance | confirmation de paiement",
        "confirmation de commande | votre commande | justificatif de paiement | avoir | note de crédit",
        "remboursement",
    ),
    credit_notes=split_table("avoir | facture d'avoir | note de crédit | note d'avoir | remboursement"),
    charges=split_table(
        "vous avez payé | vous avez envoyé un paiement | votre paiement à | paiement à | a été débité | avons débité",
        "a été renouvelé | renouvellement de votre abonnement",
    ),
    quotes=split_table(
        "devis | facture proforma | facture pro forma | pro forma | proforma | estimation | offre de prix"
    ),
    reminders=split_table(
        "rappel | rappel de paiement | relance | mise en demeure | facture impayée | factures impayées | impayé*",
        "en retard de paiement | relevé de compte",
    ),
    failures=split_table(
        "échec du paiement | échec de paiement | paiement échoué | paiement a échoué | paiement refusé",
        "paiement a été refusé | prélèvement rejeté | carte refusée | n'avons pas pu débiter",
    ),
    failure_subjects=split_table("problème de paiement"),
    acknowledgements=split_table(
        "reçu votre facture | bien reçu votre facture | avons bien reçu votre facture | réception de votre facture",
        "merci pour votre facture | votre facture a été reçue | votre facture a bien été reçue",
    ),
    quoting=split_table("a écrit : | a écrit: | message d'origine | message original"),
    quoted_headers=split_table("envoyé : | envoyé:"),
    issue_dates=split_table(
        "date de facture | date de la facture | date facture | date de facturation | date d'émission | date d'edition",
        "émise le | émis le | facturé le | date du reçu | date de l'avoir",
    ),
    payment_dates=split_table("date de paiement | payé le | payée le | réglé le | date d'achat"),
    order_dates=split_table("date de commande | commandé le"),
    dates=split_table("date"),
    weak_dates=split_table("le | du"),
    other_dates=split_table(
        "échéance | date d'échéance | date limite* | date limite de paiement | à payer avant le | à régler avant le",
        "payable le | avant le | date de livraison | livré le | livraison | période | période du | valable jusqu'au",
        "au | à partir du | date de naissance | expire le | du 1er",
    ),
    months=split_months(
        "janvier janv | février févr fév | mars | avril avr | mai | juin | juillet juil | août | septembre | octobre",
        "novembre | décembre déc",
    ),
    invoice_numbers=split_table("facture | facture d'avoir | avoir | note de crédit"),
    receipt_numbers=split_table("reçu | ticket | quittance"),
    document_numbers=split_table("document"),
    other_numbers=split_table("commande | transaction | référence"),
    number_marks=split_table("numéro | numéro de | n° | no | num | réf | n | nr"),
    sellers=split_table("vendeur | fournisseur | émetteur | prestataire | vendu par | émis par | paiement à"),
    customers=split_table(
        "client* | facturé à | adresse de facturation | adresse de livraison | destinataire | acheteur* | livré à",
        "à l'attention*",
    ),
    payees=split_table("paiement à | paiement de à | facture de | reçu de"),
    names=split_table("nom | raison sociale"),
    business_ids=split_table("siret | siren | rcs | n° tva | tva intracommunautaire | tva | ape"),
    pages=split_table("page"),
)
