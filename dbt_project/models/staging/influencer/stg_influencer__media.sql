{{ config(enabled=uses('influencer')) }}
{{ invoices('influencer') }}
