import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../../schema.graphql',
  documents: '../operations/*.graphql',
  importExtension: '.js',
  generates: {
    'src/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        useTypeImports: true,
        // A scalar without a mapping fails the generation instead of becoming `any`.
        strictScalars: true,
        scalars: {
          // A JavaScript number would round an amount.
          Decimal: 'string',
          Date: 'string',
          DateTime: 'string',
        },
      },
    },
  },
};

export default config;
