{{ config(enabled=uses('print')) }}
{{ invoices('print', links=false) }}
