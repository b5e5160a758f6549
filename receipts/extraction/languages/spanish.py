"""Spanish."""

from __future__ import annotations

from typing import Final

from .language import Language, months, table

SPANISH: Final = Language(
    final_totals=table(
        "total factura | importe total | total con iva | total iva incluido | importe de la factura",
        "total del pedido | total general | monto total",
    ),
    payments=table(
        "total a pagar | importe a pagar | total pagado | importe pagado | importe adeudado | importe cobrado",
        "a pagar | saldo pendiente | has pagado | ha pagado | líquido a percibir",
    ),
    totals=table("total | importe | monto | suma"),
    other_totals=table(
        "base imponible | subtotal | sub total | total sin iva | total iva | total bruto | importe iva | cuota iva",
        "total impuestos | total descuento* | importe neto | total neto | total base* | saldo anterior",
    ),
    taxes=table("iva | igic | impuesto*"),
    refund_totals=table(
        "importe reembolsado | total reembolsado | importe del reembolso | total abono | importe abonado",
    ),
    deposits=table("anticipo* | pago a cuenta | entrega a cuenta"),
    currency_labels=table("moneda | divisa"),
    receipts=table(
        "factura* | recibo* | ticket de compra | confirmación de pago | confirmación de pedido | comprobante de pago",
        "justificante de pago | su pedido | tu pedido | nota de crédito | reembolso",
    ),
    credit_notes=table("factura rectificativa | nota de crédito | nota de abono | abono | reembolso"),
    charges=table(
        "has pagado | ha pagado | has enviado un pago | ha enviado un pago | tu pago a | su pago a | pago a",
        "hemos cobrado | se ha cobrado | se ha renovado | renovación de su suscripción | renovación de tu suscripción",
    ),
    quotes=table("presupuesto | cotización | factura proforma | proforma | oferta"),
    reminders=table(
        "recordatorio | recordatorio de pago | factura vencida | facturas vencidas | factura pendiente*",
        "factura impagada | pago pendiente | estado de cuenta",
    ),
    failures=table(
        "pago fallido | pago rechazado | el pago ha fallado | pago ha sido rechazado | no se ha podido procesar*",
        "no hemos podido cobrar | tarjeta rechazada",
    ),
    failure_subjects=table("problema con el pago | problema con tu pago | error en el pago"),
    acknowledgements=table(
        "recibido su factura | recibido tu factura | hemos recibido su factura | recepción de su factura",
        "su factura ha sido recibida | gracias por su factura",
    ),
    quoting=table("escribió: | mensaje original"),
    quoted_headers=table("enviado:"),
    issue_dates=table(
        "fecha de factura | fecha factura | fecha de la factura | fecha de emisión | fecha emisión",
        "fecha de expedición | emitida el | emitido el | fecha del recibo",
    ),
    payment_dates=table("fecha de pago | fecha de compra | pagado el | fecha operación"),
    order_dates=table("fecha de pedido | fecha del pedido"),
    dates=table("fecha"),
    other_dates=table(
        "vencimiento | fecha de vencimiento | fecha vencimiento | vence el | vence | fecha de entrega | fecha límite*",
        "pagar antes del | antes del | período | periodo | válido hasta | hasta | desde | fecha de nacimiento",
    ),
    months=months(
        "enero ene | febrero | marzo | abril abr | mayo | junio | julio | agosto ago | septiembre setiembre | octubre",
        "noviembre | diciembre dic",
    ),
    invoice_numbers=table("factura | factura rectificativa | nota de crédito | abono"),
    receipt_numbers=table("recibo | ticket"),
    document_numbers=table("documento"),
    other_numbers=table("pedido | transacción | referencia"),
    number_marks=table("número | número de | n° | no | núm | nro | ref | nr"),
    sellers=table("vendedor | proveedor | emisor | vendido por | emitido por | pago a"),
    customers=table("cliente* | facturar a | facturado a | dirección de* | destinatario | comprador* | enviar a"),
    payees=table("pago a | pago de a | factura de | recibo de"),
    names=table("nombre | razón social"),
    business_ids=table("nif | cif | n.i.f | c.i.f"),
    pages=table("página | pág"),
)
