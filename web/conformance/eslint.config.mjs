import { join } from 'node:path';

import graphql from '@graphql-eslint/eslint-plugin';

import { ROOT } from './paths.mjs';

const { 'flat/schema-recommended': recommended, 'flat/schema-relay': relay } = graphql.configs;
const prefix = graphql.rules['no-typename-prefix'];

/** `no-typename-prefix`, which has no options, with exceptions by the name of the field. */
const prefixWithExceptions = {
  ...prefix,
  meta: { ...prefix.meta, schema: [{ type: 'array', items: { type: 'string' } }] },
  create(context) {
    const [exceptions] = context.options;
    const report = (found) => exceptions.includes(found.node.value) || context.report(found);
    return prefix.create(Object.create(context, { report: { value: report } }));
  },
};

export default [
  {
    files: ['schema.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: join(ROOT, 'schema.graphql') } },
    },
    plugins: {
      '@graphql-eslint': {
        ...graphql,
        rules: { ...graphql.rules, 'no-typename-prefix': prefixWithExceptions },
      },
    },
    rules: {
      ...recommended.rules,
      ...relay.rules,
      // `customerSince` is what banks call it, and a name of the schema's contract.
      '@graphql-eslint/no-typename-prefix': ['error', ['customerSince']],
      // A customer's accounts, loans and cards are few: such lists are plain by design, and only
      // what can grow without bound is a connection.
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }],
      // These are values: parts of what has an id, with no life of their own.
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          exceptions: {
            suffixes: ['Connection', 'Edge', 'Payload'],
            types: [
              'AccessMatrixEntry',
              'AccountChanged',
              'AccountHolder',
              'Address',
              'ApprovalChanged',
              'AuditHead',
              'AuditProof',
              'AuditProofStep',
              'BankSummary',
              'Behaviour',
              'BranchSummary',
              'ChannelUse',
              'CurrencyTotal',
              'CustomerExport',
              'ExportSection',
              'Exposure',
              'FieldDiff',
              'Money',
              'MonthlyActivity',
              'MonthlyFlow',
              'PageInfo',
              'PendingApproval',
              'Problem',
              'ProductSummary',
              'ResyncRequired',
              'RoutingReason',
              'Spending',
              'StaleApproval',
              'StandingOrderChanged',
              'StreamPosition',
              'SummaryTotal',
              'TicketAssigned',
              'TicketBreached',
              'TicketClosed',
              'TicketCommented',
              'TicketDueSoon',
              'TicketEscalated',
              'TicketForwarded',
              'TicketLeft',
              'TicketOpened',
              'TicketRated',
              'TicketReopened',
              'TicketReplied',
              'TicketResolved',
              'TicketStatusChanged',
              'TierSummary',
              'TransactionBooked',
              'TransferReason',
              'TransferRequirements',
              'Viewer',
              'ViewerCan',
              'WhyAssigned',
            ],
          },
        },
      ],
    },
  },
];
