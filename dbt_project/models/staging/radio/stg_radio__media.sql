{{ config(enabled=uses('radio')) }}
{{ invoices('radio', links=false) }}
