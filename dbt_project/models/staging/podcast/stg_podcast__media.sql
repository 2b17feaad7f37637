{{ config(enabled=uses('podcast')) }}
{{ invoices('podcast') }}
