{{ config(enabled=uses('affiliate')) }}
{{ invoices('affiliate') }}
