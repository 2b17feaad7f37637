{{ config(enabled=uses('sponsorship')) }}
{{ invoices('sponsorship') }}
