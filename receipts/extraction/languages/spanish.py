"""Spanish."""

from __future__ import annotations

from typing import Final

from .language import Language, split_months, split_table

SPANISH: Final = Language(
    final_totals=split_table(
        "total factura | importe total | total con iva | total iva incluido | importe de la factura",
        "total del pedido | total general | monto total",
    ),
    payments=split_table(
        "total a pagar | importe a pagar | total pagado | importe pagado | importe adeudado | importe cobrado",
        "a pagar | saldo pendiente | has pagado | ha pagado | líquido a percibir",
    ),
    totals=split_table("total | importe | monto | suma"),
    other_totals=split_table(
        "base imponible | subtotal | sub total | total sin iva | total iva | total bruto | importe iva | cuota iva",
        "total impuestos | total descuento* | importe neto | total neto | total base* | saldo anterior",
    ),
    taxes=split_table("iva | igic | impuesto*"),
    refund_totals=split_table(
        "importe reembolsado | total reembolsado | importe del reembolso | total abono | importe abonado",
    ),
    deposits=split_table("anticipo* | pago a cuenta | entrega a cuenta"),
    currency_labels=split_table("moneda | divisa"),
    receipts=split_table(
        "factura* | recibo* | ticket de compra | confirmación de pago | confirmación de pedido | comprobante de pago",
        "justificante de pago | su pedido | tu pedido | nota de crédito | reembolso",
    ),
    credit_notes=split_table("factura rectificativa | nota de crédito | nota de abono | abono | reembolso"),
    charges=split_table(
        "has pagado | ha pagado | has enviado un pago | ha enviado un pago | tu pago a | su pago a | pago a",
        "hemos cobrado | se ha cobrado | se ha renovado | renovación de su suscripción | renovación de tu suscripción",
    ),
    quotes=split_table("presupuesto | cotización | factura proforma | proforma | oferta"),
    reminders=split_table(
        "recordatorio | recordatorio de pago | factura vencida | facturas vencidas | factura pendiente*",
        "factura impagada | pago pendiente | estado de cuenta",
    ),
    failures=split_table(
        "pago fallido | pago rechazado | el pago ha fallado | pago ha sido rechazado | no se ha podido procesar*",
        "no hemos podido cobrar | tarjeta rechazada",
    ),
    failure_subjects=split_table("problema con el pago | problema con tu pago | error en el pago"),
    acknowledgements=split_table(
        "recibido su factura | recibido tu factura | hemos recibido su factura | recepción de su factura",
        "su factura ha sido recibida | gracias por su factura",
    ),
    quoting=split_table("escribió: | mensaje original"),
    quoted_headers=split_table("enviado:"),
    issue_dates=split_table(
        "fecha de factura | fecha factura | fecha de la factura | fecha de emisión | fecha emisión",
        "fecha de expedición | emitida el | emitido el | fecha del recibo",
    ),
    payment_dates=split_table("fecha de pago | fecha de compra | pagado el | fecha operación"),
    order_dates=split_table("fecha de pedido | fecha del pedido"),
    dates=split_table("fecha"),
    other_dates=split_table(
        "vencimiento | fecha de vencimiento | fecha vencimiento | vence el | vence | fecha de entrega | fecha límite*",
        "pagar antes del | antes del | período | periodo | válido hasta | hasta | desde | fecha de nacimiento",
    ),
    months=split_months(
        "enero ene | febrero | marzo | abril abr | mayo | junio | julio | agosto ago | septiembre setiembre | octubre",
        "noviembre | diciembre dic",
    ),
    invoice_numbers=split_table("factura | factura rectificativa | nota de crédito | abono"),
    receipt_numbers=split_table("recibo | ticket"),
    document_numbers=split_table("documento"),
    other_numbers=split_table("pedido | transacción | referencia"),
    number_marks=split_table("número | número de | n° | no | núm | nro | ref | nr"),
    sellers=split_table("vendedor | proveedor | emisor | vendido por | emitido por | pago a"),
    customers=split_table("cliente* | facturar a | facturado a | dirección de* | destinatario | comprador* | enviar a"),
    payees=split_table("pago a | pago de a | factura de | recibo de"),
    names=split_table("nombre | razón social"),
    business_ids=split_table("nif | cif | n.i.f | c.i.f"),
    pages=split_table("página | pág"),
)
