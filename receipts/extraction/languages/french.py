"""French."""

from __future__ import annotations

from typing import Final

from .language import Language, months, table

FRENCH: Final = Language(
    final_totals=table(
        "total ttc | montant ttc | total général | total facture | total de la facture | montant total",
        "montant total ttc | montant de la facture | total commande | prix total | ttc",
    ),
    payments=table(
        "net à payer | net à payer ttc | total à payer | montant à payer | montant dû | somme à payer | reste à payer",
        "solde à payer | montant payé | total payé | montant réglé | montant débité | montant du prélèvement",
        "vous avez payé | à payer",
    ),
    totals=table("total | montant | somme"),
    other_totals=table(
        "total ht | total hors taxes | montant ht | montant hors taxes | sous total | sous total ht | total tva",
        "total taxes | montant tva | montant de la tva | base ht | total remise* | montant remise | total net ht",
        "net ht | prix ht | solde précédent",
    ),
    taxes=table("tva | taxe | taxes"),
    refund_totals=table("montant remboursé | total remboursé | total avoir | montant de l'avoir | remboursement de"),
    deposits=table("acompte* | avance* | déjà réglé | déjà payé"),
    currency_labels=table("devise | monnaie"),
    receipts=table(
        "facture* | reçu | reçus | reçu de paiement | ticket de caisse | quittance | confirmation de paiement",
        "confirmation de commande | votre commande | justificatif de paiement | avoir | note de crédit",
        "remboursement",
    ),
    credit_notes=table("avoir | facture d'avoir | note de crédit | note d'avoir | remboursement"),
    charges=table(
        "vous avez payé | vous avez envoyé un paiement | votre paiement à | paiement à | a été débité | avons débité",
        "a été renouvelé | renouvellement de votre abonnement",
    ),
    quotes=table("devis | facture proforma | facture pro forma | pro forma | proforma | estimation | offre de prix"),
    reminders=table(
        "rappel | rappel de paiement | relance | mise en demeure | facture impayée | factures impayées | impayé*",
        "en retard de paiement | relevé de compte",
    ),
    failures=table(
        "échec du paiement | échec de paiement | paiement échoué | paiement a échoué | paiement refusé",
        "paiement a été refusé | prélèvement rejeté | carte refusée | n'avons pas pu débiter",
    ),
    failure_subjects=table("problème de paiement"),
    acknowledgements=table(
        "reçu votre facture | bien reçu votre facture | avons bien reçu votre facture | réception de votre facture",
        "merci pour votre facture | votre facture a été reçue | votre facture a bien été reçue",
    ),
    quoting=table("a écrit : | a écrit: | message d'origine | message original"),
    quoted_headers=table("envoyé : | envoyé:"),
    issue_dates=table(
        "date de facture | date de la facture | date facture | date de facturation | date d'émission | date d'edition",
        "émise le | émis le | facturé le | date du reçu | date de l'avoir",
    ),
    payment_dates=table("date de paiement | payé le | payée le | réglé le | date d'achat"),
    order_dates=table("date de commande | commandé le"),
    dates=table("date"),
    weak_dates=table("le | du"),
    other_dates=table(
        "échéance | date d'échéance | date limite* | date limite de paiement | à payer avant le | à régler avant le",
        "payable le | avant le | date de livraison | livré le | livraison | période | période du | valable jusqu'au",
        "au | à partir du | date de naissance | expire le | du 1er",
    ),
    months=months(
        "janvier janv | février févr fév | mars | avril avr | mai | juin | juillet juil | août | septembre | octobre",
        "novembre | décembre déc",
    ),
    invoice_numbers=table("facture | facture d'avoir | avoir | note de crédit"),
    receipt_numbers=table("reçu | ticket | quittance"),
    document_numbers=table("document"),
    other_numbers=table("commande | transaction | référence"),
    number_marks=table("numéro | numéro de | n° | no | num | réf | n | nr"),
    sellers=table("vendeur | fournisseur | émetteur | prestataire | vendu par | émis par | paiement à"),
    customers=table(
        "client* | facturé à | adresse de facturation | adresse de livraison | destinataire | acheteur* | livré à",
        "à l'attention*",
    ),
    payees=table("paiement à | paiement de à | facture de | reçu de"),
    names=table("nom | raison sociale"),
    business_ids=table("siret | siren | rcs | n° tva | tva intracommunautaire | tva | ape"),
    pages=table("page"),
)
